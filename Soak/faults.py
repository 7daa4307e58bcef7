"""The second phase."""


def all_faults(soak):
    pass
