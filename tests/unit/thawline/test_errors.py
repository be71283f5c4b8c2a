"""The tree of errors is what its module's docstring says."""

import inspect

from thawline import errors


def test_every_error_stands_in_the_docstring_and_has_an_exit_code_of_the_four() -> None:
    documentation = errors.__doc__ or ""
    for name, error in inspect.getmembers(errors, inspect.isclass):
        assert issubclass(error, errors.ThawlineError)
        assert name in documentation, f"{name} is missing from the tree in the docstring"
        assert error.exit_code in {1, 2, 3}
