// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format.hub;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.format.hub.RepoInfo.RemoteFile;
import java.util.List;
import java.util.Locale;

/// Which files of a repository a pull takes. A glob without `/` is about the last part of a name; `*` and `?` do not
/// cross `/`, `**` does. Pickle files are never taken.
///
/// @param include empty for the usual files of a model; of a dataset, all
/// @param quant part of the names of the GGUF files wanted, or null
public record FileSelection(List<String> include, List<String> exclude, String quant) {
    private static final List<String> USUAL = List.of("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "tokenizer*");
    private static final List<String> PICKLE = List.of(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle");

    public FileSelection {
        include = List.copyOf(include);
        exclude = List.copyOf(exclude);
    }

    /// The usual files of a model.
    public static FileSelection usual() {
        return new FileSelection(List.of(), List.of(), null);
    }

    /// The files to take; refuses when there are none.
    public List<RemoteFile> of(RepoInfo info, HubRepo repo) {
        List<RemoteFile> chosen = info.files().stream().filter(file -> takes(file.path(), repo.kind())).toList();
        boolean found = quant == null ? !chosen.isEmpty() : chosen.stream().anyMatch(file -> gguf(file.path()));
        if (found && (repo.kind() == HubRepo.Kind.DATASET || !include.isEmpty() || chosen.stream().anyMatch(file -> weights(file.path())))) return chosen;
        List<String> pickles = info.files().stream().map(RemoteFile::path).filter(FileSelection::pickle).toList();
        List<String> ggufs = info.files().stream().map(RemoteFile::path).filter(FileSelection::gguf).toList();
        if (found && pickles.isEmpty() && ggufs.isEmpty()) return chosen;       // a tokenizer or a config alone is a fair thing to publish
        if (!ggufs.isEmpty()) {
            throw Fault.of(EngineFault.HUB_NOT_FOUND, quant == null ? "the repository holds GGUF files, of which one must be named" : "no GGUF file has this in its name")
                    .where(repo).got(quant == null ? "nothing" : quant).expected("a part of one of the names").issues(ggufs.stream().limit(50).toList())
                    .next("stoa pull " + repo + ":Q4_K_M").exception();
        }
        if (!pickles.isEmpty()) {
            throw Fault.of(EngineFault.UNSAFE_FILE, "the repository's weights are pickle files, which can run code and are never fetched").where(repo)
                    .got(String.join(", ", pickles.stream().limit(5).toList())).expected("*.safetensors or *.gguf")
                    .next("find a copy converted to safetensors").exception();
        }
        throw Fault.of(EngineFault.HUB_NOT_FOUND, "no file of the repository is wanted").where(repo).got(info.files().size() + " files")
                .expected(include.isEmpty() ? String.join(" ", USUAL) : String.join(" ", include)).next("change --include and --exclude").exception();
    }

    private boolean takes(String path, HubRepo.Kind kind) {
        if (pickle(path) || exclude.stream().anyMatch(glob -> matches(glob, path))) return false;
        if (!include.isEmpty()) return include.stream().anyMatch(glob -> matches(glob, path));
        if (quant != null) return gguf(path) && path.toLowerCase(Locale.ROOT).contains(quant.toLowerCase(Locale.ROOT)) || !weights(path) && usual(path);
        return kind == HubRepo.Kind.DATASET || usual(path);
    }

    private static boolean usual(String path) {
        return USUAL.stream().anyMatch(glob -> matches(glob, path));
    }

    private static boolean pickle(String path) {
        return PICKLE.stream().anyMatch(path.toLowerCase(Locale.ROOT)::endsWith);
    }

    private static boolean gguf(String path) {
        return path.toLowerCase(Locale.ROOT).endsWith(".gguf");
    }

    private static boolean weights(String path) {
        return path.endsWith(".safetensors") || gguf(path);
    }

    /// At most one visit for each pair of positions.
    static boolean matches(String glob, String path) {
        String text = glob.contains("/") ? path : path.substring(path.lastIndexOf('/') + 1);
        return matches(glob, 0, text, 0, new boolean[glob.length() + 1][text.length() + 1]);
    }

    private static boolean matches(String glob, int g, String text, int t, boolean[][] failed) {
        if (failed[g][t]) return false;
        boolean result;
        if (g == glob.length()) {
            result = t == text.length();
        } else if (glob.charAt(g) == '*') {
            boolean all = glob.startsWith("**", g);
            boolean step = t < text.length() && (all || text.charAt(t) != '/');
            result = matches(glob, g + (all ? 2 : 1), text, t, failed) || step && matches(glob, g, text, t + 1, failed);
        } else {
            boolean one = t < text.length() && (glob.charAt(g) == '?' ? text.charAt(t) != '/' : glob.charAt(g) == text.charAt(t));
            result = one && matches(glob, g + 1, text, t + 1, failed);
        }
        failed[g][t] = !result;
        return result;
    }
}
