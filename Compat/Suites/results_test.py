#!/usr/bin/env python3
"""Checks the comparison of legs: what differs, what is unsteady, and what needs a reason. `make suites` runs it first."""

import unittest

import results


class Suite:
    name = "one"


def of(direct, tls, gateway):
    return {"direct": direct, "tls": tls, "gateway": gateway}


def result(**tests):
    """Of one word for each leg: p(assed), f(ailed), or - where the test did not run."""
    words = {"p": "passed", "f": "failed"}
    outcomes = of({}, {}, {})
    for test, said in tests.items():
        for leg, word in zip(outcomes, said):
            if word in words:
                outcomes[leg][test] = words[word]
    return results.Result(Suite(), outcomes, "1.0")


def expected(*keys):
    known = results.Expected.__new__(results.Expected)
    known.reasons = {key: "a reason" for key in keys}
    return known


class ComparisonTests(unittest.TestCase):
    def test_each_difference_has_its_maker(self):
        found = result(same="ppp", failing="fff", tls="pff", gateway="ppf", lost="pp-", both="pfp")
        self.assertEqual(found.differences["tls"], {"tls", "both"})
        self.assertEqual(found.differences["gateway"], {"gateway", "lost", "both"})

    def test_what_agrees_when_run_again_is_unsteady(self):
        found = result(once="ppf", always="ppf")
        found.repeated(result(once="ppp", always="ppf").outcomes)
        self.assertEqual(found.differences["gateway"], {"always"})
        self.assertEqual(found.unsteady, {"once": of("passed", "passed", "failed")})
        self.assertIn("once", "\n".join(results.unsteady([found])))

    def test_a_test_that_does_not_run_again_still_differs(self):
        found = result(one="ppf")
        found.repeated(result(one="pp-").outcomes)
        self.assertEqual(found.differences["gateway"], {"one"})

    def test_a_reason_is_for_one_suite_one_maker_and_one_test(self):
        found = result(tls="pff", gateway="ppf")
        known = expected(("one", "tls", "tls"), ("one", "tls", "gateway"), ("two", "gateway", "gateway"))
        self.assertEqual([(maker, test) for _, maker, test in known.unexplained([found])], [("gateway", "gateway")])
        # The suite that did not run is not missed.
        self.assertEqual(known.gone([found]), [("one", "tls", "gateway")])
        self.assertIn("**not explained**", "\n".join(results.differences([found], known)))

    def test_results_are_the_same_when_read_back(self):
        found = result(once="ppf", tls="pff")
        found.repeated(result(once="ppp", tls="pff").outcomes)
        again = results.Result.from_json(Suite(), found.to_json())
        self.assertEqual(again.to_json(), found.to_json())
        self.assertEqual(again.row(), found.row())

    def test_the_reasons_are_complete(self):
        self.assertTrue(all(reason for reason in results.Expected().reasons.values()))


if __name__ == "__main__":
    unittest.main()
