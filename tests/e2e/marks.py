"""What a test says of itself."""


class Skip(Exception):
    """The machine lacks what the test needs; the text says what."""


def long(function):
    """About size, speed or many repetitions, or about words that are printed: left out of the short set, which the sanitizer build runs.

    A file whose tests all are says ALL_LONG = True.
    """
    function.long = True
    return function


def alone(function):
    """Runs when no other test does: it measures, or takes all of the machine."""
    function.alone = True
    return function
