// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// Stop strings across every token split, characters across tokens, and what is held back meanwhile.
class TextStreamTest {
    /// Pieces become ids 0, 1, 3, 4, … since id 2 is special in the byte tokenizer.
    private record Cut(ByteTokenizer tokenizer, int[] ids) {
        static Cut of(List<byte[]> pieces) {
            List<byte[]> table = new ArrayList<>();
            int[] ids = new int[pieces.size()];
            for (int i = 0; i < ids.length; i++) {
                if (table.size() == 2) table.add("<end>".getBytes(StandardCharsets.UTF_8));
                ids[i] = table.size();
                table.add(pieces.get(i));
            }
            while (table.size() < 3) table.add(new byte[0]);
            return new Cut(new ByteTokenizer(table), ids);
        }
    }

    private record Result(String text, String stopped, List<String> pieces) {}

    private static Result run(Cut cut, String... stops) {
        TextStream stream = new TextStream(cut.tokenizer(), List.of(stops));
        List<String> pieces = new ArrayList<>();
        for (int id : cut.ids()) {
            if (stream.stopped() == null) pieces.add(stream.push(id));
        }
        pieces.add(stream.flush());
        return new Result(String.join("", pieces), stream.stopped(), pieces);
    }

    /// Every way to cut the bytes of a text into two or three tokens, and one byte per token.
    private static List<Cut> cuts(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        List<Cut> cuts = new ArrayList<>();
        for (int i = 0; i <= bytes.length; i++) {
            for (int j = i; j <= bytes.length; j++) {
                cuts.add(Cut.of(List.of(slice(bytes, 0, i), slice(bytes, i, j), slice(bytes, j, bytes.length))));
            }
        }
        List<byte[]> single = new ArrayList<>();
        for (int i = 0; i < bytes.length; i++) single.add(slice(bytes, i, i + 1));
        cuts.add(Cut.of(single));
        return cuts;
    }

    private static byte[] slice(byte[] bytes, int from, int to) {
        return java.util.Arrays.copyOfRange(bytes, from, to);
    }

    @Test
    void stopStringsEndTheTextAtEveryTokenSplit() {
        for (Cut cut : cuts("héllo STOP wörld")) {
            Result result = run(cut, "STOP", "nothing");
            assertThat(result.text()).isEqualTo("héllo ");
            assertThat(result.stopped()).isEqualTo("STOP");
        }
    }

    @Test
    void textWithoutAStopStringComesWhole() {
        for (Cut cut : cuts("aé𝄞STO, ST")) {
            Result result = run(cut, "STOP");
            assertThat(result.text()).isEqualTo("aé𝄞STO, ST");
            assertThat(result.stopped()).isNull();
        }
    }

    @Test
    void theMatchThatCompletesFirstWinsAndThenTheLongest() {
        for (Cut cut : cuts("xxabcdeyy")) {
            assertThat(run(cut, "abcde", "bcd").text()).isEqualTo("xxa");
            assertThat(run(cut, "abcd", "bcd").text()).isEqualTo("xx");
            assertThat(run(cut, "bcd", "abcd").stopped()).isEqualTo("abcd");
            assertThat(run(cut, "aab", "abc").text()).isEqualTo("xx");
        }
        for (Cut cut : cuts("aaab")) assertThat(run(cut, "aab").text()).isEqualTo("a");
    }

    @Test
    void aPossibleStopIsHeldBackAndReleasedWhenItFails() {
        Cut cut = Cut.of(List.of("ab".getBytes(), "S".getBytes(), "T".getBytes(), "x".getBytes()));
        assertThat(run(cut, "STOP").pieces()).containsExactly("ab", "", "", "STx", "");
        Cut accent = Cut.of(List.of(new byte[] {(byte) 0xc3}, new byte[] {(byte) 0xa9}));
        assertThat(run(accent).pieces()).containsExactly("", "é", "");
        Cut broken = Cut.of(List.of(new byte[] {(byte) 0xc3}));
        assertThat(run(broken).pieces()).containsExactly("", "\ufffd");
    }

    @Test
    void specialTokensAndIdsPastTheTokenizerAreInvisible() {
        TextStream stream = new TextStream(new ByteTokenizer(67), List.of());
        assertThat(stream.push(2)).isEmpty();
        assertThat(stream.push(70)).isEmpty();
        assertThat(stream.push(33)).isEqualTo("A");
        TextStream silent = new TextStream(null, List.of("x"));
        assertThat(silent.push(5) + silent.flush()).isEmpty();
    }

    @Test
    void randomTextsMatchTheSimpleDefinition() {
        SplittableRandom random = new SplittableRandom(8);
        for (int trial = 0; trial < 2_000; trial++) {
            String text = random.ints(random.nextInt(12), 'a', 'd').collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
            String[] stops = new String[1 + random.nextInt(3)];
            for (int i = 0; i < stops.length; i++) {
                stops[i] = random.ints(1 + random.nextInt(3), 'a', 'd').collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
            }
            String expected = text;
            for (int end = 1; end <= text.length() && expected.equals(text); end++) {
                int longest = 0;
                for (String stop : stops) if (text.substring(0, end).endsWith(stop)) longest = Math.max(longest, stop.length());
                if (longest > 0) {
                    expected = text.substring(0, end - longest);
                    break;
                }
            }
            List<byte[]> pieces = new ArrayList<>();
            for (int at = 0; at < text.length();) {
                int next = Math.min(text.length(), at + 1 + random.nextInt(3));
                pieces.add(text.substring(at, next).getBytes(StandardCharsets.UTF_8));
                at = next;
            }
            assertThat(run(Cut.of(pieces), stops).text()).as("%s stops %s", text, List.of(stops)).isEqualTo(expected);
        }
    }

    @Test
    void specialTokensShowOnlyWhereTheyAreAskedFor() {
        byte[][] table = {{'a'}, {'b'}, "<end>".getBytes(StandardCharsets.UTF_8)};
        ByteTokenizer tokenizer = new ByteTokenizer(List.of(table));
        for (boolean shown : new boolean[] {true, false}) {
            TextStream stream = new TextStream(tokenizer, List.of("d>b"), shown ? Set.of(2) : Set.of());
            String text = stream.push(0) + stream.push(2) + stream.push(1) + stream.flush();
            assertThat(text).isEqualTo(shown ? "a<en" : "ab");
        }
    }
}
