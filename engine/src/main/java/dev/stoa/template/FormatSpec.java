// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Python's format specification `[[fill]align][sign][#][0][width][,][.precision][type]` for texts and numbers.
record FormatSpec(int fill, char align, char sign, boolean alternate, int width, String grouping, int precision, char type) {
    private static final Pattern SYNTAX =
            Pattern.compile("(?:(?<fill>.)?(?<align>[<>=^]))?(?<sign>[-+ ])?(?<alt>#)?(?<zero>0)?(?<width>\\d+)?(?<group>[,_])?(?:\\.(?<prec>\\d+))?(?<type>[bcdeEfFgGnosxX%])?",
                    Pattern.DOTALL);
    private static final int MAX_WIDTH = 100_000;

    static FormatSpec parse(String spec) {
        Matcher matcher = SYNTAX.matcher(spec);
        if (!matcher.matches()) throw new Problem("invalid format specification '%s'", spec);
        boolean zero = matcher.group("zero") != null;
        String align = matcher.group("align");
        return new FormatSpec(matcher.group("fill") != null ? matcher.group("fill").codePointAt(0) : zero && align == null ? '0' : ' ',
                align != null ? align.charAt(0) : zero ? '=' : 0, matcher.group("sign") == null ? '-' : matcher.group("sign").charAt(0),
                matcher.group("alt") != null, number(matcher.group("width"), 0), matcher.group("group"),
                number(matcher.group("prec"), -1), matcher.group("type") == null ? 0 : matcher.group("type").charAt(0));
    }

    private static int number(String digits, int fallback) {
        if (digits == null) return fallback;
        if (digits.length() > 6 || Integer.parseInt(digits) > MAX_WIDTH) throw new Problem("a format width of %s is too large", digits);
        return Integer.parseInt(digits);
    }

    String format(Values values, Object value) {
        return switch (value) {
            case String text -> text(text);
            case Value.Markup markup -> text(markup.text());
            case Boolean flag when type == 0 && width == 0 -> flag ? "True" : "False";
            case Double number -> real(number);
            case Long _, Boolean _, BigInteger _ -> type != 0 && "eEfFgG%".indexOf(type) >= 0 ? real(Values.number(value)) : whole(Values.big(value));
            case Value.Undefined _ -> text("");
            case null, default -> {
                if (!equals(parse(""))) throw new Problem("unsupported format for %s", Values.type(value));
                yield values.text(value);
            }
        };
    }

    private String text(String text) {
        if (type != 0 && type != 's' || align == '=' || grouping != null || sign != '-') throw new Problem("invalid format of a text");
        int points = text.codePointCount(0, text.length());
        String cut = precision >= 0 && precision < points ? text.substring(0, text.offsetByCodePoints(0, precision)) : text;
        return pad("", cut, '<');
    }

    private String whole(BigInteger value) {
        if (precision >= 0) throw new Problem("a precision is not allowed for an integer");
        String digits = value.abs().toString(switch (type) {
            case 'b' -> 2;
            case 'o' -> 8;
            case 'x', 'X' -> 16;
            case 0, 'd', 'n', 'c' -> 10;
            default -> throw new Problem("unknown format code '%s' for an integer", type);
        });
        if (type == 'c') return pad("", Character.toString(value.intValueExact()), '<');
        String prefix = alternate && type != 'd' && type != 0 ? "0" + type : "";
        digits = type == 'X' ? digits.toUpperCase(java.util.Locale.ROOT) : digits;
        return pad(signOf(value.signum() < 0) + prefix, grouped(digits, "box X".indexOf(type) >= 0 && type != 0 ? 4 : 3), '>');
    }

    private String real(double value) {
        boolean upper = type == 'E' || type == 'F' || type == 'G';
        String body;
        double size = Math.abs(value);
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            body = Double.isNaN(value) ? "nan" : "inf";
        } else {
            body = switch (type) {
                case 0 -> precision < 0 ? Values.decimal(size) : general(size, precision, true);
                case 'f', 'F' -> fixed(size, precision < 0 ? 6 : precision);
                case '%' -> fixed(size * 100, precision < 0 ? 6 : precision) + "%";
                case 'e', 'E' -> scientific(size, precision < 0 ? 6 : precision);
                case 'g', 'G', 'n' -> general(size, precision < 0 ? 6 : precision, false);
                default -> throw new Problem("unknown format code '%s' for a float", type);
            };
        }
        if (upper) body = body.toUpperCase(java.util.Locale.ROOT);
        int point = 0;
        while (point < body.length() && Character.isDigit(body.charAt(point))) point++;
        return pad(signOf(value < 0 || 1 / value < 0), grouped(body.substring(0, point), 3) + body.substring(point), '>');
    }

    private static String fixed(double size, int digits) {
        return new BigDecimal(size).setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
    }

    private static String scientific(double size, int digits) {
        if (size == 0) return (digits > 0 ? "0." + "0".repeat(digits) : "0") + "e+00";
        BigDecimal rounded = new BigDecimal(size).round(new MathContext(digits + 1, RoundingMode.HALF_EVEN));
        int exponent = rounded.precision() - rounded.scale() - 1;
        String all = rounded.unscaledValue().toString();
        all = all + "0".repeat(Math.max(0, digits + 1 - all.length()));
        return all.charAt(0) + (digits > 0 ? "." + all.substring(1, digits + 1) : "") + (exponent < 0 ? "e-" : "e+") + "%02d".formatted(Math.abs(exponent));
    }

    private static String general(double size, int precision, boolean keepPoint) {
        int digits = Math.max(1, precision);
        String mantissa = scientific(size, digits - 1);
        int exponent = Integer.parseInt(mantissa.substring(mantissa.indexOf('e') + 1));
        if (exponent < -4 || exponent >= digits) {
            return stripped(mantissa.substring(0, mantissa.indexOf('e'))) + mantissa.substring(mantissa.indexOf('e'));
        }
        String plain = stripped(fixed(size, Math.max(0, digits - 1 - exponent)));
        return keepPoint && plain.indexOf('.') < 0 ? plain + ".0" : plain;
    }

    private static String stripped(String decimal) {
        return decimal.indexOf('.') < 0 ? decimal : decimal.replaceFirst("\\.?0+$", "");
    }

    private String grouped(String digits, int size) {
        if (grouping == null) return digits;
        StringBuilder out = new StringBuilder(digits);
        for (int at = digits.length() - size; at > 0; at -= size) out.insert(at, grouping);
        return out.toString();
    }

    private String signOf(boolean negative) {
        return negative ? "-" : sign == '-' ? "" : String.valueOf(sign);
    }

    private String pad(String head, String body, char usual) {
        int missing = width - head.codePointCount(0, head.length()) - body.codePointCount(0, body.length());
        if (missing <= 0) return head + body;
        String one = Character.toString(fill);
        return switch (align == 0 ? usual : align) {
            case '<' -> head + body + one.repeat(missing);
            case '^' -> one.repeat(missing / 2) + head + body + one.repeat(missing - missing / 2);
            case '=' -> head + one.repeat(missing) + body;
            default -> one.repeat(missing) + head + body;
        };
    }
}
