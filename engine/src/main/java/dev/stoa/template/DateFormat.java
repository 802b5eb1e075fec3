// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template;

import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/// `strftime` of the C library in the C locale: `%d`, `%-d` (no padding), `%_d` (blanks), `%^a` (capitals), `%10Y`.
/// An unknown directive stands for itself, as there.
final class DateFormat {
    private DateFormat() {}

    static String format(Object format, LocalDateTime now) {
        if (!Values.isText(format)) throw new Problem("strftime_now needs a string, not %s", Values.type(format));
        return format(Values.characters(format), now);
    }

    private static String format(String text, LocalDateTime now) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) != '%') {
                out.append(text.charAt(i));
                continue;
            }
            int at = i + 1;
            String flags = "";
            while (at < text.length() && "-_0^#".indexOf(text.charAt(at)) >= 0) flags += text.charAt(at++);
            int width = 0;
            while (at < text.length() && Character.isDigit(text.charAt(at)) && width < 1000) width = width * 10 + text.charAt(at++) - '0';
            if (at < text.length() && "EO".indexOf(text.charAt(at)) >= 0) at++;
            String value = at < text.length() ? directive(text.charAt(at), now) : null;
            if (value == null) {
                out.append('%');
                continue;
            }
            out.append(shaped(value, flags, width, text.charAt(at)));
            i = at;
        }
        return out.toString();
    }

    private static String shaped(String value, String flags, int width, char directive) {
        boolean number = "CdegGHIjklmMsSuUVwWyYf".indexOf(directive) >= 0;
        String body = value;
        char fill = number && "ekl".indexOf(directive) < 0 ? '0' : ' ';
        int wanted = Math.max(width, number ? value.length() : 0);
        if (number) {
            body = value.strip().replaceFirst("^0+(?=.)", "");
            if (flags.endsWith("-")) wanted = width;
            if (flags.endsWith("_")) fill = ' ';
            if (flags.endsWith("0")) fill = '0';
        }
        if (flags.indexOf('^') >= 0) body = body.toUpperCase(Locale.ROOT);
        if (flags.indexOf('#') >= 0) body = directive == 'p' ? body.toLowerCase(Locale.ROOT) : body.toUpperCase(Locale.ROOT);
        return String.valueOf(fill).repeat(Math.max(0, wanted - body.length())) + body;
    }

    private static String directive(char directive, LocalDateTime now) {
        int weekday = now.getDayOfWeek().getValue();
        return switch (directive) {
            case 'Y' -> Integer.toString(now.getYear());
            case 'y' -> two(now.getYear() % 100);
            case 'C' -> two(now.getYear() / 100);
            case 'm' -> two(now.getMonthValue());
            case 'd' -> two(now.getDayOfMonth());
            case 'e' -> "%2d".formatted(now.getDayOfMonth());
            case 'H' -> two(now.getHour());
            case 'k' -> "%2d".formatted(now.getHour());
            case 'I' -> two(now.get(ChronoField.CLOCK_HOUR_OF_AMPM));
            case 'l' -> "%2d".formatted(now.get(ChronoField.CLOCK_HOUR_OF_AMPM));
            case 'M' -> two(now.getMinute());
            case 'S' -> two(now.getSecond());
            case 'f' -> "%06d".formatted(now.getNano() / 1000);
            case 'j' -> "%03d".formatted(now.getDayOfYear());
            case 'u' -> Integer.toString(weekday);
            case 'w' -> Integer.toString(weekday % 7);
            case 'U' -> two((now.getDayOfYear() + 6 - weekday % 7) / 7);
            case 'W' -> two((now.getDayOfYear() + 6 - (weekday + 6) % 7) / 7);
            case 'V' -> two(now.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
            case 'G' -> Integer.toString(now.get(IsoFields.WEEK_BASED_YEAR));
            case 'g' -> two(now.get(IsoFields.WEEK_BASED_YEAR) % 100);
            case 's' -> Long.toString(now.toEpochSecond(ZoneOffset.UTC));
            case 'p' -> now.getHour() < 12 ? "AM" : "PM";
            case 'P' -> now.getHour() < 12 ? "am" : "pm";
            case 'a' -> name(now, "EEE");
            case 'A' -> name(now, "EEEE");
            case 'b', 'h' -> name(now, "MMM");
            case 'B' -> name(now, "MMMM");
            case 'F' -> format("%Y-%m-%d", now);
            case 'T', 'X' -> format("%H:%M:%S", now);
            case 'D', 'x' -> format("%m/%d/%y", now);
            case 'R' -> format("%H:%M", now);
            case 'r' -> format("%I:%M:%S %p", now);
            case 'c' -> format("%a %b %e %H:%M:%S %Y", now);
            case 'n' -> "\n";
            case 't' -> "\t";
            case 'z', 'Z' -> "";
            case '%' -> "%";
            default -> null;
        };
    }

    private static String two(int number) {
        return "%02d".formatted(number);
    }

    private static String name(LocalDateTime now, String pattern) {
        return now.format(DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH));
    }
}
