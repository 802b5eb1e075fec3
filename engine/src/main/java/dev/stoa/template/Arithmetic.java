// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.util.ArrayList;
import java.util.List;

/// Operators between two values, with Python's rules.
record Arithmetic(Values values) {
    Object apply(String operator, Object a, Object b) {
        for (Object side : new Object[] {a, b}) {
            if (side instanceof Value.Undefined undefined && !operator.equals("~")) throw new Problem("%s", undefined.hint());
        }
        if (operator.equals("~")) return join(values.text(a), values.text(b));
        if (operator.equals("+")) {
            if (a instanceof String left && b instanceof String right) return join(left, right);
            if (a instanceof List<?> && b instanceof List<?>) return concatenated(a, b);
            if (a instanceof Value.Tuple && b instanceof Value.Tuple) return new Value.Tuple(concatenated(a, b));
        }
        if (operator.equals("*")) {
            if (Values.isInteger(a) && repeatable(b)) return repeated(b, Values.integer(a, ""));
            if (Values.isInteger(b) && repeatable(a)) return repeated(a, Values.integer(b, ""));
        }
        if (!Values.isNumber(a) || !Values.isNumber(b)) {
            throw new Problem("%s %s %s is not possible", Values.type(a), operator, Values.type(b));
        }
        try {
            boolean whole = Values.isInteger(a) && Values.isInteger(b) && !operator.equals("/");
            return whole ? whole(operator, Values.integer(a, ""), Values.integer(b, "")) : real(operator, Values.number(a), Values.number(b));
        } catch (ArithmeticException overflow) {
            throw new Problem("the result of %s %s %s is not a 64-bit number", a, operator, b);
        }
    }

    private static Object whole(String operator, long a, long b) {
        return switch (operator) {
            case "+" -> Math.addExact(a, b);
            case "-" -> Math.subtractExact(a, b);
            case "*" -> Math.multiplyExact(a, b);
            case "//" -> Math.floorDiv(a, nonZero(b));
            case "%" -> Math.floorMod(a, nonZero(b));
            case "**" -> {
                if (b < 0) yield Math.pow(a, b);
                if (b > 64 && Math.abs(a) > 1) throw new ArithmeticException();
                yield Math.powExact(a, (int) Math.min(b, 64 + (b & 1)));
            }
            default -> throw new IllegalStateException(operator);
        };
    }

    private static Object real(String operator, double a, double b) {
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "/" -> a / nonZero(b);
            case "//" -> Math.floor(a / nonZero(b));
            case "%" -> a - nonZero(b) * Math.floor(a / b);
            case "**" -> Math.pow(a, b);
            default -> throw new IllegalStateException(operator);
        };
    }

    private static long nonZero(long divisor) {
        if (divisor == 0) throw new Problem("division by zero");
        return divisor;
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
        return value instanceof String || value instanceof List<?> || value instanceof Value.Tuple;
    }

    private Object repeated(Object value, long times) {
        long count = Math.max(0, times);
        if (value instanceof String text) {
            if (text.isEmpty()) return text;
            values.budget().text(Math.min(count, Budget.MAX_TEXT + 1) * text.length());
            return text.repeat((int) count);
        }
        List<Object> once = values.list(value);
        if (once.isEmpty()) return value;
        values.budget().elements(Math.multiplyHigh(count, once.size()) != 0 ? Long.MAX_VALUE / 2 : count * once.size());
        List<Object> all = new ArrayList<>();
        for (long i = 0; i < count; i++) all.addAll(once);
        return value instanceof Value.Tuple ? new Value.Tuple(all) : all;
    }
}
