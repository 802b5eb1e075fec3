// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

/// The version of this build, from the resource the build fills in.
public final class Version {
    public static final String STOA = read();

    private Version() {}

    private static String read() {
        try (InputStream in = Version.class.getResourceAsStream("/stoa.properties")) {
            if (in == null) return "unknown";
            Properties properties = new Properties();
            properties.load(in);
            return properties.getProperty("version", "unknown");
        } catch (IOException unreadable) {
            return "unknown";
        }
    }
}
