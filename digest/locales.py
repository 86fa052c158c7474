"""What babel knows of languages and regions, each with data of its own."""

from __future__ import annotations

from copy import deepcopy
from functools import cached_property
from typing import Any, Self

from babel import Locale as _Shared
from babel import UnknownLocaleError, localedata

__all__ = ["Locale", "UnknownLocaleError"]


class Locale(_Shared):
    """A babel locale that shares no data with any other.

    Babel's locales share what they inherit and write into it while they read, so that a date in Arabic after one
    in Japanese is written with Japanese months (python-babel issue 1234, open in 2.18).
    """

    @classmethod
    def of(cls, tag: str) -> Self:
        """The locale of a BCP 47 `tag`; raises `UnknownLocaleError` or `ValueError` where babel knows none."""
        found = cls.parse(tag, sep="-")
        assert isinstance(found, cls)
        return found

    @cached_property
    def _data(self) -> localedata.LocaleDataDict:
        inherited: dict[Any, Any] = dict(localedata.load(str(self)))
        return localedata.LocaleDataDict(deepcopy(inherited))
