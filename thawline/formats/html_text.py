"""HTML to its visible text, in a few linear passes of regular expressions.

Mails and web texts mix markup with plain text that only looks like it: '<someone@example.org>', 'if a <b then'.
So only the names of real HTML elements count as tags; everything else between angle brackets stays. Each pass is
linear in the length of the text, whatever the text is: it comes from strangers.
"""

import html
import re

BLOCKS = (
    "address article aside blockquote body br caption center dd div dl dt fieldset figcaption figure footer form h1 h2 "
    "h3 h4 h5 h6 head header hr html legend li main nav ol optgroup option p pre section select table tbody td "
    "textarea tfoot th thead title tr ul"
)
INLINES = (
    "a abbr acronym area audio b base basefont bdo big blink button canvas cite code col colgroup data del dfn em "
    "embed font frame frameset i iframe img input ins kbd label link map mark marquee meta nobr noframes noscript "
    "object param picture q s samp small source span strike strong sub sup svg tt u var video wbr"
)
INVISIBLE = "script|style"

LOOKS_LIKE_HTML = re.compile(
    rf"<(?:!doctype\b|!--|/?(?:{INVISIBLE}|{'|'.join((BLOCKS + ' ' + INLINES).split())})[\s/>])", re.IGNORECASE
)
ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});", re.IGNORECASE)
HIDDEN = re.compile(rf"<({INVISIBLE})\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
DECLARATION = re.compile(r"<!doctype\b[^<>]*>", re.IGNORECASE)
BLOCK_TAG = re.compile(rf"</?(?:{'|'.join(BLOCKS.split())})(?:[\s/][^<>]*)?>", re.IGNORECASE)
INLINE_TAG = re.compile(rf"</?(?:{'|'.join(INLINES.split())})(?:[\s/][^<>]*)?>", re.IGNORECASE)
# A text cut off inside a tag; the attribute tells it from 'if a <b then'.
CUT_TAG = re.compile(rf"<(?:{'|'.join((BLOCKS + ' ' + INLINES).split())})\s+[\w:-]+\s*=[^<>]*\Z", re.IGNORECASE)


def html_to_text(text: str) -> str:
    """Return what a reader of `text` would see; a text without HTML comes back as it is.

    Scripts, styles and comments go, block elements become line breaks, inline elements vanish, and entities become
    their characters.
    """
    if "<" in text and LOOKS_LIKE_HTML.search(text):
        text = HIDDEN.sub(" ", text)
        text = _without_comments(text)
        text = DECLARATION.sub("", text)
        text = BLOCK_TAG.sub("\n", text)
        text = INLINE_TAG.sub("", text)
        text = CUT_TAG.sub("", text)
    return html.unescape(text) if "&" in text and ENTITY.search(text) else text


def _without_comments(text: str) -> str:
    """Remove closed comments. What follows the last '-->' is left out of the search, which is then linear."""
    end = text.rfind("-->") + 3
    return COMMENT.sub("", text[:end]) + text[end:] if end > 3 else text
