// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import java.util.regex.Pattern;

/// A repository on a hub: `org/name`, or `name` for the few without an owner.
public record HubRepo(Kind kind, String id) {
    private static final String PART = "[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?";
    private static final Pattern ID = Pattern.compile(PART + "(?:/" + PART + ")?");

    /// What it holds, and how addresses and folders call that.
    public enum Kind {
        MODEL("models", ""), DATASET("datasets", "datasets/");

        final String plural;
        final String prefix;

        Kind(String plural, String prefix) {
            this.plural = plural;
            this.prefix = prefix;
        }
    }

    public HubRepo {
        if (!valid(id)) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "this is not the name of a repository").got(id).expected("ORG/NAME").next("check the name").exception();
        }
    }

    public static HubRepo model(String id) {
        return new HubRepo(Kind.MODEL, id);
    }

    /// Whether a text could name a repository; the cache's folder names are unambiguous because `--` cannot occur.
    public static boolean valid(String id) {
        return ID.matcher(id).matches() && !id.contains("--") && !id.contains("..");
    }

    /// `models--org--name`.
    public String folder() {
        return kind.plural + "--" + id.replace("/", "--");
    }

    /// The repository of a cache folder, or null when the folder is none.
    static HubRepo ofFolder(String folder) {
        for (Kind kind : Kind.values()) {
            String start = kind.plural + "--";
            String id = folder.startsWith(start) ? folder.substring(start.length()).replaceFirst("--", "/") : "";
            if (valid(id)) return new HubRepo(kind, id);
        }
        return null;
    }

    @Override
    public String toString() {
        return id;
    }
}
