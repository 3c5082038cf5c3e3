"""Finds the contact data that rules can find: e-mail addresses and telephone numbers.

Makes texts with placeholders for them; reads and writes nothing. A telephone number is one by its
form (international, North American) or by the word before it. A bare run of digits is none: years,
prices, ISBNs and statutes look like it. Names and postal addresses need a model.
"""

from __future__ import annotations

import re

_EMAIL = re.compile(
    r"(?<![\w.+-])(?:mailto:)?[A-Za-z0-9_][\w.+-]{0,63}"
    r"(?:@|\s?[\[(]at[\])]\s?)"
    r"[A-Za-z0-9-]{1,63}(?:(?:\.|\s?[\[(]dot[\])]\s?)[A-Za-z0-9-]{1,63})*"
    r"(?:\.|\s?[\[(]dot[\])]\s?)[A-Za-z]{2,24}\b"
)
_GAP = r"[ .\-/\u00a0\u2010-\u2013]?"
_WIDE = rf"(?: [/\-\u2013] |{_GAP})"
_NUMBER = rf"\+?(?:\(\d{{1,5}}\){_WIDE})?\d(?:{_WIDE}(?:\(0\){_WIDE})?\d){{5,14}}"
_END = r"(?!\w|[.,-]\d)"
_PHONE = re.compile(
    rf"(?<![\w.,/+-])(?:\+|00)[1-9]\d{{0,2}}{_GAP}(?:\(\d{{1,4}}\){_GAP})?\d(?:{_GAP}\d){{5,12}}{_END}"
    rf"|(?<![\w.,/$€£#+-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{{4}}{_END}"
)
_SAID = re.compile(
    r"(\b(?:tele?(?:ph|f)on(?:e|o|nummer)?(?: (?:number|no))?|tel|phone(?: (?:number|no))?|fax"
    r"|mobile?|cell|handy|call(?: us)?(?: (?:at|on|now))?|whatsapp|hotline)\.?\s?[:.]?\s{0,2})"
    rf"({_NUMBER}){_END}",
    re.IGNORECASE,
)


def without_contacts(text: str) -> tuple[str, int, int]:
    """The text with [email] and [phone] for them, and how many there were of each."""
    text, emails = _EMAIL.subn("[email]", text) if _may_have_mail(text) else (text, 0)
    text, said = _SAID.subn(r"\1[phone]", text)
    text, formed = _PHONE.subn("[phone]", text)
    return text, emails, said + formed


def _may_have_mail(text: str) -> bool:
    """Spares most texts the costly search."""
    return "@" in text or "(at)" in text or "[at]" in text
