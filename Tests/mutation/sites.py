"""Where a Swift source can be mutated: the sites of six operators.

The parser knows the parts of Swift that the kernel uses, and how the project formats them. A site
has a name that depends on its file, its function, its operator and its own text, and on nothing
else. So an edit elsewhere moves no other site.
"""

import hashlib
from dataclasses import dataclass, field

from swift_tokens import CLOSING, OPENING, tokens, without_board

COMPARISONS = {
    "<": "less", "<=": "lessOrEqual", ">": "greater", ">=": "greaterOrEqual", "==": "equal",
    "!=": "notEqual",
}
ASSIGNMENTS = {"=", "+=", "-=", "&+=", "&-=", "|=", "&=", "^=", "*="}
# Words before a parenthesis that change no behaviour, or cannot be removed.
NO_CALLS = {"(", "rounds", "precondition", "preconditionFailure", "fatalError"}
ADDITION = {"+", "-", "&+", "&-", "|", "^"}
MULTIPLICATION = {"*", "/", "%", "&", "&*"}
# Tokens that end the operands of every operator.
BORDERS = {",", ":", ";", "{", "}", "return", "in", "case", "where", "else", "throw", "let", "var"}


@dataclass
class Site:
    file: str
    function: str
    operator: str
    text: str
    line: int
    # Positions in the source; then the text before, instead of the middle token, and behind.
    start: int
    end: int
    wrap: tuple
    middle: tuple = None
    key: str = ""
    context: str = ""
    number: int = field(default=0)


class Parser:
    """Walks one file: types, functions, statements, expressions."""

    def __init__(self, file, source):
        self.file, self.source = file, source
        self.all = without_board(tokens(source))
        self.sites = []
        self.function = ""
        self.members(0, len(self.all), [])
        self.name_sites()

    # Structure

    def matching(self, at):
        depth = 0
        while at < len(self.all):
            text = self.all[at].text
            depth += 1 if text in OPENING else -1 if text in CLOSING else 0
            if depth == 0:
                return at
            at += 1
        raise ValueError(f"{self.file}: no end of {self.all[at - 1].line}")

    def find(self, at, end, texts):
        """Returns the place of the first of these tokens outside all brackets."""
        while at < end:
            text = self.all[at].text
            if text in texts:
                return at
            at = self.matching(at) + 1 if text in OPENING else at + 1
        return end

    def members(self, at, end, path):
        while at < end:
            token = self.all[at]
            if token.text in ("struct", "enum", "class", "extension", "protocol"):
                brace = self.find(at, end, {"{"})
                close = self.matching(brace)
                if token.text != "protocol":
                    self.members(brace + 1, close, path + [self.all[at + 1].text])
                at = close + 1
            elif token.text in ("func", "init", "subscript") and token.kind == "word":
                at = self.declared_function(at, end, path)
            elif token.text in ("var", "let"):
                at = self.declared_value(at, end, path)
            elif token.text in OPENING:
                at = self.matching(at) + 1
            elif token.text == "case":
                at = self.line_end(at, end)
            else:
                at += 1

    def line_end(self, at, end):
        """Returns the end of the statement that begins here: a new line that does not go on."""
        first = at
        while at < end:
            if at > first and self.all[at].after_newline and not self.continues(at):
                return at
            if self.all[at].text == ";":
                return at + 1
            if self.all[at].text in CLOSING:
                return at
            at = self.matching(at) + 1 if self.all[at].text in OPENING else at + 1
        return end

    def continues(self, at):
        token, before = self.all[at], self.all[at - 1]
        if token.text in ("else", "catch", ")", "]") or token.text.startswith("."):
            return True
        if token.is_infix or token.text in ("?", ":"):
            return True
        return before.is_infix or before.text in (",", "->")

    def declared_function(self, at, end, path):
        name = "init" if self.all[at].text == "init" else self.all[at + 1].text
        brace, next_member = at, ("func", "var", "init", "}", "case")
        while brace < end and self.all[brace].text != "{":
            brace = self.matching(brace) + 1 if self.all[brace].text in OPENING else brace + 1
            token = self.all[brace] if brace < end else None
            if token and token.after_newline and token.text in next_member:
                return brace
        if brace >= end:
            return end
        outer, self.function = self.function, ".".join(path + [name])
        returns = name == "subscript" or any(token.text == "->" for token in self.all[at:brace])
        self.block(brace, returns, name == "init")
        self.function = outer
        return self.matching(brace) + 1

    def declared_value(self, at, end, path):
        stop = self.line_end(at, end)
        name = self.all[at + 1].text
        brace = self.find(at, stop, {"{", "="})
        if brace >= stop:
            return stop
        outer, self.function = self.function, ".".join(path + [name])
        if self.all[brace].text == "=":
            is_shared = at > 0 and self.all[at - 1].text == "static" or not path
            if is_shared and self.all[at].text == "let":
                self.expression(brace + 1, stop, (at, stop))
        else:
            close = self.matching(brace)
            accessor = self.find(brace + 1, close, {"{"})
            getters = {"get", "unsafeAddress", "unsafeMutableAddress"}
            heads = getters | {"set", "willSet", "didSet", "_read", "_modify"}
            if any(token.text in heads for token in self.all[brace + 1:min(accessor, brace + 6)]):
                while accessor < close:
                    self.block(accessor, self.all[accessor - 1].text in getters, False)
                    accessor = self.find(self.matching(accessor) + 1, close, {"{"})
            else:
                self.block(brace, True, False)
        self.function = outer
        return stop

    # Statements

    def block(self, brace, returns, initializes, deferred=()):
        close = self.matching(brace)
        self.statements(brace + 1, close, returns, initializes, set(deferred))

    def statements(self, at, end, returns, initializes, deferred):
        starts = []
        while at < end:
            starts.append(at)
            at = max(self.statement_end(at, end), at + 1)
        for index, start in enumerate(starts):
            stop = starts[index + 1] if index + 1 < len(starts) else end
            is_value = returns and len(starts) == 1
            self.statement(start, stop, returns, initializes, deferred, is_value)

    def statement_end(self, at, end):
        if self.all[at].text in ("if", "guard", "while", "for", "switch", "do", "defer"):
            brace = self.find(at, end, {"{"})
            after = self.matching(brace) + 1
            while after < end and self.all[after].text in ("else", "catch"):
                after = self.matching(self.find(after, end, {"{"})) + 1
            return after
        return self.line_end(at, end)

    def statement(self, at, end, returns, initializes, deferred, is_value):
        first = self.all[at].text
        if first in ("if", "guard", "while"):
            while True:
                brace = self.find(at, end, {"{"})
                stop = self.find(at, brace, {"else"})
                self.conditions(at + 1, stop)
                self.block(brace, returns and is_value, initializes, deferred)
                at = self.matching(brace) + 1
                if at >= end or self.all[at].text != "else":
                    return
                at += 1
                if self.all[at].text != "if":
                    self.block(at, returns and is_value, initializes, deferred)
                    return
        elif first in ("for", "do", "defer"):
            brace = self.find(at, end, {"{"})
            if first == "for":
                source = self.find(at, brace, {"in"}) + 1
                self.expression(source, self.find(at, brace, {"where"}), (at, brace))
            while brace < end:
                self.block(brace, False, initializes, deferred)
                brace = self.find(self.matching(brace) + 1, end, {"{"})
        elif first == "switch":
            brace = self.find(at, end, {"{"})
            self.cases(brace, returns and is_value, initializes, deferred)
        elif first in ("let", "var"):
            equals = self.find(at, end, {"="})
            if equals == end:
                deferred.add(self.all[at + 1].text)
            else:
                self.expression(equals + 1, end, (at, end))
        elif first == "func":
            self.declared_function(at, end, self.function.split("."))
        elif first in ("return", "throw"):
            self.expression(at + 1, end, (at, end))
        elif first not in ("break", "continue", "fallthrough", "struct", "enum", "case", "default"):
            if not is_value:
                self.removal(at, end, initializes, deferred)
            self.expression(at, end, (at, end))

    def cases(self, brace, is_value, initializes, deferred):
        close = self.matching(brace)
        at = self.find(brace + 1, close, {"case", "default"})
        while at < close:
            colon = self.find(at, close, {":"})
            following = self.next_case(colon + 1, close)
            self.statements(colon + 1, following, is_value, initializes, deferred)
            at = following

    def next_case(self, at, close):
        while at < close:
            if self.all[at].after_newline and self.all[at].text in ("case", "default"):
                return at
            at = self.matching(at) + 1 if self.all[at].text in OPENING else at + 1
        return close

    # Operators

    def removal(self, at, end, initializes, deferred):
        """Removes a statement: an assignment, or a call whose result is not needed."""
        texts = [token.text for token in self.all[at:end]]
        assigned = next((text for text in texts if text in ASSIGNMENTS), None)
        if assigned:
            if initializes or texts[0] in deferred or texts[0] in ("_", "self"):
                return
            if texts[0] == "(" and set(texts[:texts.index("=")]) & set(deferred):
                return
        elif "(" not in texts or texts[0] in NO_CALLS:
            return
        if "self . init" in " ".join(texts):
            return
        self.add("remove", at, end, ("if !Mutation.isActive({n}) {{ ", " }}"), (at, end))

    def conditions(self, at, end):
        """Negates each clause that is a plain condition."""
        while at < end:
            comma = self.find(at, end, {","})
            # The end of an endless loop cannot be negated: what follows it would be missing.
            if self.all[at].text not in ("let", "var", "case", "#available", "true"):
                self.add("negate", at, comma, ("Mutation.negated({n}, ", ")"), (at, comma))
                self.expression(at, comma, (at, comma))
            else:
                equals = self.find(at, comma, {"="})
                self.expression(equals + 1, comma, (at, comma))
            at = comma + 1

    def expression(self, at, end, context):
        if any(token.text == "LoopBound" for token in self.all[at:end]):
            return  # a bound is no behaviour
        for index in range(at, end):
            token = self.all[index]
            if token.is_infix and token.text in COMPARISONS:
                self.comparison(index, at, end, context)
            elif token.is_infix and token.text in ("|", "&"):
                self.operand(index, end, context)
            elif token.is_infix and token.text == "?":
                left = self.left(index, at, lower=set())
                self.add("swap", left, index, ("Mutation.negated({n}, ", ")"), context)
            elif token.kind == "number":
                before = self.all[index - 1]
                is_generic = before.text == "<" and not before.before_space
                if before.text != "." and not is_generic:
                    wrap = ("Mutation.neighbour({n}, ", ")")
                    self.add("constant", index, index + 1, wrap, context)

    def comparison(self, index, at, end, context):
        left = self.left(index, at, lower={"&&", "||", "?"})
        right = self.right(index + 1, end, {"&&", "||", "?"} | set(COMPARISONS))
        if any(token.text == "nil" for token in self.all[left:right]):
            return
        name = COMPARISONS[self.all[index].text]
        wrap = (f"Mutation.{name}({{n}}, ", ")")
        self.add("compare", left, right, wrap, context, (index, ","))

    def operand(self, index, end, context):
        """Leaves out the operand behind `|` or `&`."""
        stop = {"&&", "||", "?", "??"} | set(COMPARISONS) | ADDITION | ASSIGNMENTS
        if self.all[index].text == "&":
            stop |= MULTIPLICATION
        right = self.right(index + 1, end, stop)
        neutral = "none" if self.all[index].text == "|" else "all"
        wrap = (f"Mutation.{neutral}({{n}}, ", ")")
        self.add("operand", index + 1, right, wrap, context)

    def left(self, index, at, lower):
        depth = 0
        for position in range(index - 1, at - 1, -1):
            token = self.all[position]
            if token.text in CLOSING:
                depth += 1
            elif token.text in OPENING:
                if depth == 0:
                    return position + 1
                depth -= 1
            elif depth == 0:
                is_lower = token.text in lower or token.text in ASSIGNMENTS
                if token.text in BORDERS or token.is_infix and is_lower:
                    return position + 1
        return at

    def right(self, at, end, stop):
        position = at
        while position < end:
            token = self.all[position]
            is_end = token.text in CLOSING or token.text in BORDERS
            if is_end or token.is_infix and token.text in stop:
                return position
            position = self.matching(position) + 1 if token.text in OPENING else position + 1
        return end

    # Names

    def text(self, at, end):
        return " ".join(token.text for token in self.all[at:end])

    def add(self, operator, at, end, wrap, context, middle=None):
        if end <= at:
            return
        replaced = None
        if middle:
            replaced = (self.all[middle[0]].start, self.all[middle[0]].end, middle[1])
        first, last = self.all[at], self.all[end - 1]
        self.sites.append(
            Site(
                self.file, self.function, operator, self.text(at, end), first.line, first.start,
                last.end, wrap, replaced, context=self.text(*context)))

    def name_sites(self):
        seen = {}
        for site in self.sites:
            words = (site.file, site.function, site.operator, site.text, site.context)
            what = "|".join(words)
            ordinal = seen[what] = seen.get(what, -1) + 1
            site.key = hashlib.sha256(f"{what}|{ordinal}".encode()).hexdigest()[:8]


def sites(file, source):
    """Returns all sites of a source."""
    return Parser(file, source).sites


def mutated(source, chosen):
    """Returns the source with all chosen sites in it, each behind the switch of its number."""
    edits = []  # position, order at that position, text, end of what is replaced
    for site in chosen:
        length = site.end - site.start
        number = str(site.number)
        edits.append((site.start, 1, -length, site.wrap[0].format(n=number), site.start))
        edits.append((site.end, 0, length, site.wrap[1].format(n=number), site.end))
        if site.middle:
            edits.append((site.middle[0], 2, 0, site.middle[2], site.middle[1]))
    result, at = [], 0
    for start, _, _, text, end in sorted(edits):
        result.append(source[at:start])
        result.append(text)
        at = end
    return "".join(result) + source[at:]
