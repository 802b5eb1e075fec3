// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import dev.stoa.template.Token.Kind;
import java.util.List;

/// Reads tokens one after the other.
final class TokenStream {
    private final Source source;
    private final List<Token> tokens;
    private int next;

    TokenStream(Source source, List<Token> tokens) {
        this.source = source;
        this.tokens = tokens;
    }

    Token peek() {
        return peek(0);
    }

    Token peek(int ahead) {
        return tokens.get(Math.min(next + ahead, tokens.size() - 1));
    }

    Token next() {
        Token token = peek();
        next++;
        return token;
    }

    Token expect(Kind kind) {
        Token token = next();
        if (token.kind() != kind) throw unexpected(token, kind.toString().toLowerCase(java.util.Locale.ROOT).replace('_', ' '));
        return token;
    }

    void expectName(String name) {
        Token token = next();
        if (!token.is(Kind.NAME, name)) throw unexpected(token, "'" + name + "'");
    }

    void expectOperator(String operator) {
        Token token = next();
        if (!token.is(Kind.OPERATOR, operator)) throw unexpected(token, "'" + operator + "'");
    }

    boolean skipName(String name) {
        boolean found = peek().is(Kind.NAME, name);
        if (found) next++;
        return found;
    }

    boolean skipOperator(String operator) {
        boolean found = peek().is(Kind.OPERATOR, operator);
        if (found) next++;
        return found;
    }

    private RuntimeException unexpected(Token token, String expected) {
        String got = token.text().isEmpty() ? token.kind().toString().toLowerCase(java.util.Locale.ROOT).replace('_', ' ') : token.text();
        return source.fault(token.at(), "unexpected '%s', expected %s", got, expected);
    }
}
