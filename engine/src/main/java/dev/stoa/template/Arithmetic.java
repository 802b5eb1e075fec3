// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/// Operators between two values, with Python's rules. Integers have as many digits as they need, up to a bound.
record Arithmetic(Values values) {
    private static final int MAX_BITS = 14_000;                     // Python prints at most 4,300 digits

    Object apply(String operator, Object a, Object b) {
        if (operator.equals("~")) return join(values.text(a), values.text(b));
        for (Object side : new Object[] {a, b}) {
            boolean text = operator.equals("%") && Values.isText(a);
            if (side instanceof Value.Undefined undefined && !text) throw new Problem("%s", undefined.hint());
        }
        if (operator.equals("+")) {
            if (a instanceof String left && b instanceof String right) return join(left, right);
            if (Values.isText(a) && Values.isText(b)) return new Value.Markup(join(escaped(a), escaped(b)));
            if (a instanceof List<?> && b instanceof List<?>) return concatenated(a, b);
            if (a instanceof Value.Tuple && b instanceof Value.Tuple) return new Value.Tuple(concatenated(a, b));
        }
        if (operator.equals("*")) {
            if (Values.isInteger(a) && repeatable(b)) return repeated(b, Values.integer(a, ""));
            if (Values.isInteger(b) && repeatable(a)) return repeated(a, Values.integer(b, ""));
        }
        if (operator.equals("%") && Values.isText(a)) return new PercentFormat(values).apply(a, b);
        if (!Values.isNumber(a) || !Values.isNumber(b)) {
            throw new Problem("%s %s %s is not possible", Values.type(a), operator, Values.type(b));
        }
        boolean whole = Values.isInteger(a) && Values.isInteger(b) && !operator.equals("/");
        return whole ? whole(operator, Values.big(a), Values.big(b)) : real(operator, Values.number(a), Values.number(b));
    }

    static String escaped(Object text) {
        return text instanceof Value.Markup markup ? markup.text() : Value.Markup.escape((String) text);
    }

    private static Object whole(String operator, BigInteger a, BigInteger b) {
        BigInteger result = switch (operator) {
            case "+" -> a.add(b);
            case "-" -> a.subtract(b);
            case "*" -> a.multiply(b);
            case "//" -> floorDivided(a, b);
            case "%" -> a.subtract(floorDivided(a, b).multiply(b));
            case "**" -> {
                if (b.signum() < 0) {
                    nonZero(a.signum());
                    yield null;
                }
                if (a.bitLength() > 1 && b.bitLength() > 14 || a.bitLength() * b.longValue() > MAX_BITS && a.bitLength() > 1) throw tooLarge();
                yield a.bitLength() <= 1 && b.bitLength() > 14 ? a.pow(b.testBit(0) ? 1 : 2) : a.pow(b.intValue());
            }
            default -> throw new IllegalStateException(operator);
        };
        if (result == null) return Math.pow(a.doubleValue(), b.doubleValue());
        if (result.bitLength() > MAX_BITS) throw tooLarge();
        return Values.whole(result);
    }

    private static Problem tooLarge() {
        return new Problem("a number grows beyond %d bits", MAX_BITS);
    }

    private static BigInteger floorDivided(BigInteger a, BigInteger b) {
        nonZero(b.signum());
        BigInteger[] parts = a.divideAndRemainder(b);
        return parts[1].signum() != 0 && parts[1].signum() != b.signum() ? parts[0].subtract(BigInteger.ONE) : parts[0];
    }

    private static Object real(String operator, double a, double b) {
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "/" -> a / nonZero(b);
            case "//" -> Math.rint((a - modulo(a, nonZero(b))) / b);
            case "%" -> modulo(a, nonZero(b));
            case "**" -> {
                if (a == 0 && b < 0) nonZero(a);
                double power = Math.pow(a, b);
                if (Double.isNaN(power) && a < 0) throw new Problem("a complex number is not supported");
                if (Double.isInfinite(power) && !Double.isInfinite(a) && !Double.isInfinite(b)) throw new Problem("the result is too large");
                yield power;
            }
            default -> throw new IllegalStateException(operator);
        };
    }

    private static double modulo(double a, double b) {
        double rest = a % b;
        if (rest == 0) return Math.copySign(0.0, b);
        return rest < 0 != b < 0 ? rest + b : rest;
    }

    private static double nonZero(double divisor) {
        if (divisor == 0) throw new Problem("division by zero");
        return divisor;
    }

    private String join(String a, String b) {
        values.budget().text((long) a.length() + b.length());
        return a.concat(b);
    }

    private List<Object> concatenated(Object a, Object b) {
        List<Object> all = new ArrayList<>(values.list(a));
        all.addAll(values.list(b));
        return all;
    }

    private static boolean repeatable(Object value) {
        return Values.isText(value) || value instanceof List<?> || value instanceof Value.Tuple;
    }

    private Object repeated(Object value, long times) {
        long count = Math.max(0, times);
        if (Values.isText(value)) {
            String text = Values.characters(value);
            if (text.isEmpty()) return value;
            values.budget().text(Math.min(count, Budget.MAX_TEXT + 1) * text.length());
            String repeated = text.repeat((int) count);
            return value instanceof Value.Markup ? new Value.Markup(repeated) : repeated;
        }
        List<Object> once = values.list(value);
        values.budget().elements(Math.multiplyHigh(count, Math.max(1, once.size())) != 0 ? Long.MAX_VALUE / 2 : Math.min(count, Long.MAX_VALUE / 8 / Math.max(1, once.size())) * once.size());
        List<Object> all = new ArrayList<>();
        for (long i = 0; i < count && !once.isEmpty(); i++) all.addAll(once);
        return value instanceof Value.Tuple ? new Value.Tuple(all) : all;
    }
}
