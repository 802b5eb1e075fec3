// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import dev.stoa.Fault;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// JSON as files on disk need it: strict reading, and two exact ways of writing.
///
/// Reading rejects duplicate keys, NaN and infinities, trailing text, malformed UTF-8 and deep nesting.
/// Writing is either canonical (for hashes: keys sorted by code unit, no whitespace, shortest numbers as in
/// RFC 8785, integers digit by digit) or pretty (indent 2, keys in the order of the tree).
public final class Json {
    private static final int MAX_DEPTH = 100;
    private static final int MAX_STRING = 64 << 20;
    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(MAX_DEPTH).maxStringLength(MAX_STRING).build())
                    .build())
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private Json() {}

    /// The tree of a whole text; `where` names the source in errors, `code` is the code they carry.
    public static JsonNode parse(String text, Object where, Fault.Code code) {
        JsonNode root;
        try {
            root = MAPPER.readTree(text);
        } catch (JacksonException problem) {
            throw Fault.of(code, "not valid JSON: %s", firstLine(problem.getOriginalMessage()))
                    .where(where + position(problem.getLocation())).expected("one strict JSON value")
                    .next("check that the file was copied completely").causedBy(problem);
        }
        if (root == null || root.isMissingNode()) {
            throw Fault.of(code, "not valid JSON: the text is empty").where(where).expected("one JSON value")
                    .next("check that the file was copied completely").exception();
        }
        requireFinite(root, where, code);
        return root;
    }

    /// Like [#parse(String, Object, Fault.Code)], from bytes that must be well-formed UTF-8.
    public static JsonNode parse(byte[] utf8, Object where, Fault.Code code) {
        return parse(decode(utf8, where, code), where, code);
    }

    /// A JSON object from a file of at most `limit` bytes.
    public static JsonNode readObject(Path file, long limit, Fault.Code code) throws IOException {
        JsonNode root = parse(readText(file, limit, code), file, code);
        if (!root.isObject()) {
            throw Fault.of(code, "the file does not hold a JSON object").where(file)
                    .got(root.getNodeType()).expected("{...}").next("check that this is the right file").exception();
        }
        return root;
    }

    /// A whole text file of at most `limit` bytes, which must be well-formed UTF-8.
    public static String readText(Path file, long limit, Fault.Code code) throws IOException {
        long size = Files.size(file);
        if (size > limit) {
            throw Fault.of(code, "the file is too large to be read as text").where(file).got(size + " bytes")
                    .expected("at most " + limit).next("check that this is the right file").exception();
        }
        return decode(Files.readAllBytes(file), file, code);
    }

    /// Canonical form for hashing.
    public static String canonical(JsonNode node) {
        StringBuilder out = new StringBuilder();
        write(node, out, -1);
        return out.toString();
    }

    /// Indented by two, keys in the order of the tree, one newline at the end.
    public static String pretty(JsonNode node) {
        StringBuilder out = new StringBuilder();
        write(node, out, 0);
        return out.append('\n').toString();
    }

    private static String decode(byte[] utf8, Object where, Fault.Code code) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
        } catch (CharacterCodingException problem) {
            throw Fault.of(code, "not valid UTF-8").where(where).expected("UTF-8 text")
                    .next("check that the file was copied completely").causedBy(problem);
        }
    }

    private static void requireFinite(JsonNode node, Object where, Fault.Code code) {
        if (node.isDouble() && !Double.isFinite(node.doubleValue())) {
            throw Fault.of(code, "a number does not fit a 64-bit float").where(where).got(node)
                    .expected("a finite number").next("correct the value").exception();
        }
        if (node.isContainer()) for (JsonNode child : node) requireFinite(child, where, code);
    }

    /// Depth below zero means canonical.
    private static void write(JsonNode node, StringBuilder out, int depth) {
        switch (node.getNodeType()) {
            case OBJECT -> {
                Collection<String> names = depth < 0 ? new TreeSet<>(node.propertyNames()) : node.propertyNames();
                String separator = "{";
                for (String name : names) {
                    out.append(separator);
                    separator = ",";
                    newLine(out, depth + 1, depth >= 0);
                    quote(name, out);
                    out.append(depth < 0 ? ":" : ": ");
                    write(node.get(name), out, depth < 0 ? depth : depth + 1);
                }
                close(out, names.isEmpty(), '{', '}', depth);
            }
            case ARRAY -> {
                String separator = "[";
                for (JsonNode item : node) {
                    out.append(separator);
                    separator = ",";
                    newLine(out, depth + 1, depth >= 0);
                    write(item, out, depth < 0 ? depth : depth + 1);
                }
                close(out, node.isEmpty(), '[', ']', depth);
            }
            case STRING -> quote(node.stringValue(), out);
            case NUMBER -> out.append(number(node, depth >= 0));
            case BOOLEAN -> out.append(node.booleanValue());
            case NULL -> out.append("null");
            case BINARY, MISSING, POJO -> throw new IllegalArgumentException("not a JSON value: " + node.getNodeType());
        }
    }

    private static void close(StringBuilder out, boolean empty, char open, char close, int depth) {
        if (empty) out.append(open);
        else newLine(out, depth, depth >= 0);
        out.append(close);
    }

    private static void newLine(StringBuilder out, int depth, boolean pretty) {
        if (pretty) out.append('\n').append("  ".repeat(depth));
    }

    private static String number(JsonNode node, boolean pretty) {
        if (node.isIntegralNumber()) return node.bigIntegerValue().toString();
        String text = shortest(node.doubleValue());
        return pretty && text.matches("-?\\d+") ? text + ".0" : text;
    }

    /// ECMAScript's Number::toString, the number form of RFC 8785.
    private static String shortest(double value) {
        if (value == 0) return "0";
        BigDecimal decimal = new BigDecimal(Double.toString(Math.abs(value))).stripTrailingZeros();
        BigDecimal oneDigit = decimal.round(new MathContext(1));    // Java never prints fewer than two: 4.9E-324
        if (oneDigit.doubleValue() == Math.abs(value)) decimal = oneDigit.stripTrailingZeros();
        String digits = decimal.unscaledValue().toString();
        int point = digits.length() - decimal.scale();              // value = 0.digits * 10^point
        String text;
        if (digits.length() <= point && point <= 21) text = digits + "0".repeat(point - digits.length());
        else if (0 < point && point <= 21) text = digits.substring(0, point) + "." + digits.substring(point);
        else if (-6 < point && point <= 0) text = "0." + "0".repeat(-point) + digits;
        else {
            String exponent = (point > 0 ? "e+" : "e-") + Math.abs(point - 1);
            text = digits.charAt(0) + (digits.length() > 1 ? "." + digits.substring(1) : "") + exponent;
        }
        return value < 0 ? "-" + text : text;
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\b' -> out.append("\\b");
                case '\f' -> out.append("\\f");
                default -> {
                    if (c < 0x20) out.append("\\u%04x".formatted((int) c));
                    else out.append(c);
                }
            }
        }
        out.append('"');
    }

    private static String firstLine(String message) {
        int end = message.indexOf('\n');
        return end < 0 ? message : message.substring(0, end);
    }

    private static String position(TokenStreamLocation location) {
        return location == null || location.getLineNr() < 1 ? "" : ":" + location.getLineNr() + ":" + location.getColumnNr();
    }
}
