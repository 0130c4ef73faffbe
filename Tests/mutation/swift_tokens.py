"""The tokens of a Swift source, as far as the mutations need them."""

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<space>[ \t]+)|(?P<newline>\n)|(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:\\.|[^"\\\n])*")|(?P<number>0x[0-9a-fA-F_]+|0b[01_]+|[0-9][0-9_]*)
    |(?P<word>[A-Za-z_`$][A-Za-z0-9_`]*)|(?P<directive>\#(?:if|elseif|else|endif)[^\n]*)
    |(?P<hash>\#[a-zA-Z_]+)|(?P<attribute>@[A-Za-z_]+)
    |(?P<operator>[-/=+!*%<>&|^~?.]+)|(?P<mark>[(){}\[\],:;])""",
    re.X | re.S,
)
OPENING, CLOSING = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
# What only a board compiles.
BOARD_CONDITIONS = ("hasFeature(Embedded)", "BENCHMARK")


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int
    line: int
    after_newline: bool = False
    after_space: bool = False
    before_space: bool = False

    @property
    def is_infix(self):
        """The format puts a space on either side of an operator between two operands."""
        return self.kind == "operator" and self.after_space and self.before_space


def tokens(source):
    """Returns the tokens of a source, without comments."""
    found, at, line, newline, space = [], 0, 1, True, True
    while at < len(source):
        match = TOKEN.match(source, at)
        if not match:
            raise ValueError(f"line {line}: {source[at:at + 20]!r}")
        kind, text = match.lastgroup, match.group()
        if kind in ("space", "newline", "comment"):
            if found:
                found[-1].before_space = found[-1].before_space or found[-1].end == at
            newline, space = newline or kind == "newline", True
        else:
            found.append(Token(kind, text, at, match.end(), line, newline, space))
            newline = space = False
        line += text.count("\n")
        at = match.end()
    return found


def without_board(found):
    """Leaves out what only a board compiles, and the lines that say so."""
    kept, stack = [], []
    for token in found:
        if token.kind == "directive":
            word, _, condition = token.text[1:].partition(" ")
            if word == "if":
                stack.append(condition not in BOARD_CONDITIONS)
            elif word in ("else", "elseif"):
                stack[-1] = not stack[-1]
            else:
                stack.pop()
        elif all(stack):
            kept.append(token)
    return kept
