// SPDX-License-Identifier: Apache-2.0
package dev.stoa.token;

import java.nio.charset.StandardCharsets;
import java.text.Normalizer.Form;
import java.util.Arrays;
import java.util.Random;

/// Whether two tokenizers are the same for texts in Unicode's form NFC: the same tokens, and the same ids for every token's
/// own text, for texts of many scripts, and for random chains of tokens.
public final class TokenizerAgreement {
    private static final int CHAINS = 2000;
    private static final String[] TEXTS = {"", " ", "  ", "\n", "\r\n\n \t  x", "Hello, world! I've 3 cats, 1234567 dogs & $5.00.", "don't WE'LL it's",
        "  leading and trailing  ", "na\u00efve caf\u00e9 \u00fcber \u00df \u00d8re", "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 42",
        "\u4f60\u597d\uff0c\u4e16\u754c\u3002123", "\u3053\u3093\u306b\u3061\u306f \u30c6\u30b9\u30c8", "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4",
        "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
        "\ud83d\ude00\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67 \ud83c\uddeb\ud83c\uddf7!", "int main(void) {\n\treturn a->b[0] != 0x1F;\n}\n",
        "https://example.org/a_b?c=d&e=%20f#g", "\u00a0\u2003\u3000x\u200b\u0000\u0007", "\u2581under \u2581\u2581score", "a\u0301\u0327 \ufb01 \u2460 \u00bd", "1 22 333 4444 55555 \u0663\u0664"};

    private TokenizerAgreement() {}

    /// The first thing on which they differ, or null.
    public static String difference(Tokenizer one, Tokenizer two) {
        int size = Math.max(one.size(), two.size());
        for (int id = 0; id < size; id++) {
            if (!Arrays.equals(one.bytes(id), two.bytes(id)) && !unused(one, two, id)) {
                return "token " + id + ": " + text(one.bytes(id)) + " and " + text(two.bytes(id));
            }
            if (one.isSpecial(id) != two.isSpecial(id)) return "token " + id + " is special in one of them only: " + text(one.bytes(id));
        }
        for (String text : TEXTS) {
            String found = difference(one, two, text);
            if (found != null) return found;
        }
        for (int id = 0; id < size; id++) {
            String found = difference(one, two, text(one.bytes(id)));
            if (found != null) return found;
        }
        Random random = new Random(1);
        for (int i = 0; i < CHAINS; i++) {
            StringBuilder chain = new StringBuilder();
            for (int n = 2 + random.nextInt(6); n > 0; n--) chain.append(text(one.bytes(random.nextInt(size))));
            String found = difference(one, two, chain.toString());
            if (found != null) return found;
        }
        return null;
    }

    /// Rows that no text reaches, which a file may fill with a name of its own.
    private static boolean unused(Tokenizer one, Tokenizer two, int id) {
        return one.bytes(id).length == 0 && two.id("[PAD" + id + "]") == id || two.bytes(id).length == 0 && one.id("[PAD" + id + "]") == id;
    }

    private static String difference(Tokenizer one, Tokenizer two, String text) {
        String normal = java.text.Normalizer.normalize(text, Form.NFC);
        for (boolean special : new boolean[] {false, true}) {
            int[] a = one.encode(normal, special);
            int[] b = two.encode(normal, special);
            if (Arrays.equals(a, b)) continue;
            return "\"" + (normal.length() > 60 ? normal.substring(0, 60) + "..." : normal) + "\": " + Arrays.toString(a) + " and " + Arrays.toString(b);
        }
        return null;
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
