// SPDX-License-Identifier: Apache-2.0
package dev.stoa.serve;

import dev.stoa.AppFault;
import dev.stoa.Fault;
import dev.stoa.serve.http.Reply;
import dev.stoa.serve.http.Request;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.regex.Pattern;

/// The console's static files, from the class path. Only plain names: no way out of the folder.
final class ConsoleFiles {
    private static final Pattern NAME = Pattern.compile("[a-z0-9-]{1,40}\\.(html|css|js|svg)");
    private static final Map<String, String> TYPES = Map.of(
            "html", "text/html; charset=utf-8", "css", "text/css; charset=utf-8", "js", "text/javascript; charset=utf-8",
            "svg", "image/svg+xml");
    private static final Map<String, String> HEADERS = Map.of(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "Referrer-Policy", "no-referrer", "Cache-Control", "no-cache");

    private ConsoleFiles() {}

    static Reply index(Request request) throws IOException {
        return file("", "index.html");
    }

    static Reply style(Request request) throws IOException {
        return file("", "app.css");
    }

    static Reply icon(Request request) throws IOException {
        return file("", "icon.svg");
    }

    static Reply script(Request request) throws IOException {
        return file("js/", request.parameter("file"));
    }

    private static Reply file(String folder, String name) throws IOException {
        if (NAME.matcher(name).matches()) {
            try (InputStream in = ConsoleFiles.class.getResourceAsStream("/web/" + folder + name)) {
                if (in != null) {
                    return new Reply.Full(200, HEADERS, TYPES.get(name.substring(name.indexOf('.') + 1)), in.readAllBytes());
                }
            }
        }
        throw Fault.of(AppFault.NOT_FOUND, "there is no file %s", name).exception();
    }
}
