// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

/// Character classes by the Unicode properties that tokenizers mean (Java's own predicates differ in places).
final class Characters {
    private static final int PUNCTUATION = 1 << Character.CONNECTOR_PUNCTUATION | 1 << Character.DASH_PUNCTUATION
            | 1 << Character.START_PUNCTUATION | 1 << Character.END_PUNCTUATION | 1 << Character.OTHER_PUNCTUATION
            | 1 << Character.INITIAL_QUOTE_PUNCTUATION | 1 << Character.FINAL_QUOTE_PUNCTUATION;
    private static final int NUMBER = 1 << Character.DECIMAL_DIGIT_NUMBER | 1 << Character.LETTER_NUMBER
            | 1 << Character.OTHER_NUMBER;
    private static final int MARK = 1 << Character.NON_SPACING_MARK | 1 << Character.ENCLOSING_MARK
            | 1 << Character.COMBINING_SPACING_MARK;

    private Characters() {}

    /// The property White_Space.
    static boolean isWhitespace(int c) {
        return c >= 9 && c <= 13 || c == 0x85 || Character.isSpaceChar(c);
    }

    /// Categories Nd, Nl, No.
    static boolean isNumeric(int c) {
        return (NUMBER >> Character.getType(c) & 1) != 0 || CharacterAges.youngDigit(c);
    }

    /// Categories P*, and all of ASCII's punctuation and symbols.
    static boolean isPunctuation(int c) {
        boolean ascii = c > 32 && c < 127 && !Character.isLetterOrDigit(c);
        return ascii || (PUNCTUATION >> Character.getType(c) & 1) != 0 != CharacterAges.punctuationDiffers(c);
    }

    /// Categories Mn, Mc, Me.
    static boolean isMark(int c) {
        return (MARK >> Character.getType(c) & 1) != 0;
    }

    /// What BERT drops: control, format and private characters by the reference's tables, which are those of Unicode 8.
    static boolean isOther(int c) {
        boolean younger = c == 0x890 || c == 0x891 || c == 0x8E2 || c == 0x110CD || c >= 0x13430 && c <= 0x1343F;
        return !younger && switch (Character.getType(c)) {
            case Character.CONTROL, Character.FORMAT, Character.PRIVATE_USE, Character.SURROGATE -> true;
            default -> false;
        };
    }

    /// The blocks that BERT counts as Chinese.
    static boolean isChinese(int c) {
        return c >= 0x4E00 && c <= 0x9FFF || c >= 0x3400 && c <= 0x4DBF || c >= 0x20000 && c <= 0x2A6DF || c >= 0x2A700 && c <= 0x2B73F
                || c >= 0x2B740 && c <= 0x2B81F || c >= 0x2B920 && c <= 0x2CEAF || c >= 0xF900 && c <= 0xFAFF || c >= 0x2F800 && c <= 0x2FA1F;
    }

    /// What `\w` matches: letters, marks, decimal digits, connectors, joiners.
    static boolean isWord(int c) {
        int type = Character.getType(c);
        return Character.isAlphabetic(c) || isMark(c) || type == Character.DECIMAL_DIGIT_NUMBER
                || type == Character.CONNECTOR_PUNCTUATION || c == 0x200C || c == 0x200D;
    }
}
