import Testing

@testable import FrostServer

/// What comes from an admin address, whoever answers there.
@Suite struct PrometheusSamplesTests {
    private static func read(_ text: String, _ names: Set<String> = ["a"]) -> PrometheusSamples {
        PrometheusSamples(Array(text.utf8), names: names)
    }

    @Test(
        "Lines as the format has them",
        arguments: [
            ("a 1", [:], 1), ("a{} 1", [:], 1), ("  a\t 1.5e3 \r", [:], 1_500), ("a 1 1395066363000", [:], 1),
            (#"a{x="y"} 2"#, ["x": "y"], 2), (#"a { x = "y" , z="" , } 2"#, ["x": "y", "z": ""], 2),
            (#"a{x="q\"b\\n\n",y="{},= #"} 0"#, ["x": "q\"b\\n\n", "y": "{},= #"], 0),
            (#"a{le="+Inf"} +Inf"#, ["le": "+Inf"], .infinity), ("a -3", [:], -3), (#"a{x="ü€"} 1"#, ["x": "ü€"], 1),
        ] as [(String, [String: String], Double)]
    )
    func lines(line: String, labels: [String: String], value: Double) {
        let text = Self.read("# HELP a A thing.\n# TYPE a counter\n\n\(line)\nb 4\n")
        #expect(text.faults == 0)
        #expect(text.series == [.init(name: "a", labels: labels, value: value)])
    }

    @Test(
        "A line that is none is a fault, and the others are read all the same",
        arguments: [
            "a", "a ", "a one", "a 1 2 3", "a 1 x", "a{ 1", "a{x} 1", "a{x=} 1", "a{x=y} 1", #"a{x="y} 1"#,
            #"a{x="y" 1"#,
            #"a{x="y"z="w"} 1"#, #"a{x="y",x="z"} 1"#, #"a{x="\t"} 1"#, #"a{x="\"#, #"a{x="y"}"#, #"a{x="y"}}1"#,
            "1a 1",
            "{} 1", "é 1", "a{,} 1", "<html>", "\u{0}", "a 1\u{0}", "a{" + String(repeating: "x", count: 5_000),
            "a " + String(repeating: "9", count: 5_000),
            "a{" + (0...PrometheusSamples.maximumLabels).map { "l\($0)=\"\"" }.joined(separator: ",") + "} 1",
        ]
    )
    func faults(line: String) {
        let text = Self.read("a 1\n\(line)\na 2")
        #expect(text.faults == 1)
        #expect(text.series.map(\.value) == [1, 2])
    }

    @Test("Bytes that are no text, cut off anywhere")
    func bytes() {
        let line = Array(#"a{x="\\y\"",z="w"} 12 34"#.utf8)
        for end in line.indices {
            for byte: UInt8 in [0, 0x22, 0x5C, 0x7B, 0x7D, 0xFF] {
                let text = PrometheusSamples(line[..<end] + [byte] + line[end...], names: ["a"])
                #expect(text.series.count + text.faults <= 1)
            }
            #expect(PrometheusSamples(Array(line[..<end]), names: ["a"]).series.count <= 1)
        }
        #expect(PrometheusSamples([UInt8](repeating: 0x0A, count: 1_000_000), names: ["a"]).faults == 0)
        #expect(PrometheusSamples([UInt8](repeating: 0xFF, count: 1_000_000), names: ["a"]).faults == 1)
    }

    @Test("No more series than the bound; what is not wanted does not count")
    func bound() {
        let lines = String(repeating: "b 1\na 1\n", count: PrometheusSamples.maximumSeries + 3)
        let text = Self.read(lines)
        #expect(text.series.count == PrometheusSamples.maximumSeries)
        #expect(text.faults == 3)
    }
}
