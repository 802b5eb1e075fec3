// SPDX-License-Identifier: Apache-2.0
package dev.stoa.cli;

import dev.stoa.AppFault;
import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.FaultException;
import dev.stoa.format.Json;
import dev.stoa.format.hub.HubCache;
import dev.stoa.format.hub.HubRepo;
import dev.stoa.model.CacheCost.Encoding;
import dev.stoa.model.MemoryFit;
import dev.stoa.model.ModelSpec;
import dev.stoa.model.family.Families;
import dev.stoa.model.pack.ModelHeads;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/// `stoa fit [REF…]`: which models fit the memory, from configs and heads of files alone.
@Command(name = "fit", sortOptions = false, description = "Say which models fit the memory, and with how much context.",
        footer = {"", "Only configs and heads of files are read, nothing is fetched. A directory with",
            "a config.json alone counts with --bits per weight. Without REF every model in",
            "the cache is looked at. Exit code 1 when none fits.", "", "Examples:",
            "  stoa fit", "  stoa fit DIR model.gguf --memory 24g --context 32768",
            "  stoa fit DIR --memory 16g --train --rank 8 --targets q_proj,v_proj"})
final class FitVerb implements Callable<Integer> {
    private static final Pattern SIZE = Pattern.compile("(\\d+(?:\\.\\d+)?)([kmgt])b?");
    private static final int CHUNK = 512;
    private final Session session;

    @Parameters(arity = "0..*", paramLabel = "REF", description = "Directories, GGUF files, or ORG/NAME[@REVISION] of pulled models.")
    private List<String> references = List.of();

    @Option(names = "--memory", paramLabel = "SIZE", description = "Bytes there are, as 24g or 512m (default: 85 %% of this machine's).")
    private String memory;

    @Option(names = "--context", paramLabel = "N", defaultValue = "8192", description = "Tokens per sequence (default: ${DEFAULT-VALUE}).")
    private long context;

    @Option(names = "--batch", paramLabel = "N", defaultValue = "1", description = "Sequences at a time (default: ${DEFAULT-VALUE}).")
    private int batch;

    @Option(names = "--kv", paramLabel = "TYPE", defaultValue = "f16", description = "f32, f16, q8 or k-q8-v-q4: how the cache is stored (default: ${DEFAULT-VALUE}).")
    private String kv;

    @Option(names = "--train", description = "Whether training fits too: a LoRA, and all weights.")
    private boolean train;

    @Option(names = "--rank", paramLabel = "R", defaultValue = "16", description = "Rank of the LoRA (default: ${DEFAULT-VALUE}).")
    private int rank;

    @Option(names = "--targets", split = ",", paramLabel = "NAMES", description = "Adapted modules by their last name (default: all of the blocks).")
    private Set<String> targets = Set.of();

    @Option(names = "--bits", paramLabel = "BITS", defaultValue = "16", description = "Bits per weight where there are no weights (default: ${DEFAULT-VALUE}).")
    private double bits;

    @Option(names = "--group", paramLabel = "N", defaultValue = "0", description = "With --bits: weights that share a scale and a bias of 16 bits.")
    private int group;

    @Option(names = "--max-results", paramLabel = "N", defaultValue = "10", description = "Rows at most (default: ${DEFAULT-VALUE}).")
    private int maxResults;

    @Option(names = "--private-cache", description = "Look in STOA_HOME/models instead of the cache other tools share.")
    private boolean own;

    FitVerb(Session session) {
        this.session = session;
    }

    private record Row(String model, String quant, MemoryFit fit) {}

    @Override
    public Integer call() throws IOException {
        Console console = session.console("fit");
        MemoryFit.Wish wish = wish();
        List<Row> rows = new ArrayList<>();
        HubCache cache = ModelReference.cache(session.terminal, own);
        if (!references.isEmpty()) {
            for (String reference : references) {
                rows.add(row(reference, config(reference) ? Path.of(reference) : ModelReference.of(reference).pack(cache), wish));
            }
        } else {
            for (HubCache.Snapshot one : cache.snapshots()) {
                if (one.repo().kind() != HubRepo.Kind.MODEL) continue;
                try {
                    rows.add(row(one.repo().id(), new ModelReference(one.path().toString(), "", null, null).pack(cache), wish));
                } catch (FaultException unusable) {
                    console.say("%s is left out: %s", one.repo().id(), unusable.fault().oneLine());
                }
            }
        }
        rows.sort(Comparator.comparing((Row row) -> !row.fit().fits()).thenComparingLong(row -> -row.fit().weights()));
        List<Row> shown = rows.subList(0, Math.min(maxResults, rows.size()));
        if (rows.isEmpty()) console.say("no models in %s; stoa pull ORG/NAME fetches one", cache.root());
        else console.table(header(), shown.stream().map(this::cells).toList());
        if (wish.kv() != Encoding.F32) console.say("caches are counted as %s; an engine of this version stores f32 (--kv f32)", wish.kv().label());
        boolean any = rows.stream().anyMatch(row -> train ? row.fit().loraFits() : row.fit().fits());
        console.result(any, Map.of("memory", wish.limit(), "context", context, "models", shown.stream().map(this::facts).toList()));
        return (any ? ExitCode.DONE : ExitCode.NEGATIVE).number;
    }

    private MemoryFit.Wish wish() {
        for (Encoding encoding : Encoding.values()) {
            if (encoding.label().equals(kv.toLowerCase(Locale.ROOT))) {
                if (context < 1 || batch < 1 || rank < 1 || bits <= 0 || bits > 32 || group < 0 || maxResults < 1) {
                    throw Fault.of(AppFault.USAGE, "a number is out of range").where("--context, --batch, --rank, --bits, --group, --max-results")
                            .expected("positive numbers, bits up to 32").exception();
                }
                return new MemoryFit.Wish(limit(), context, batch, rank, targets, encoding, CHUNK);
            }
        }
        throw Fault.of(AppFault.USAGE, "unknown cache encoding").got(kv).expected("f32, f16, q8 or k-q8-v-q4").next("stoa fit --help").exception();
    }

    private long limit() {
        if (memory == null) {
            var machine = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            return machine.getTotalMemorySize() / 100 * 85;
        }
        Matcher size = SIZE.matcher(memory.toLowerCase(Locale.ROOT));
        if (!size.matches()) throw Fault.of(AppFault.USAGE, "not a size").where("--memory").got(memory).expected("a number and k, m, g or t, as 24g").exception();
        return Math.max(1, (long) (Double.parseDouble(size.group(1)) * (1L << 10 * (1 + "kmgt".indexOf(size.group(2))))));
    }

    /// A directory with a config and no weights.
    private static boolean config(String reference) throws IOException {
        Path directory = Path.of(reference);
        return Files.exists(directory.resolve("config.json")) && dev.stoa.format.ModelDirectory.weightFiles(directory).isEmpty();
    }

    private Row row(String name, Path pack, MemoryFit.Wish wish) throws IOException {
        if (Files.isDirectory(pack) && config(pack.toString())) {
            JsonNode config = Json.readObject(pack.resolve("config.json"), 64L << 20, EngineFault.CONFIG_INVALID);
            JsonNode text = config.path("text_config").isObject() ? config.get("text_config") : config;
            boolean tied = text.path("tie_word_embeddings").asBoolean(config.path("tie_word_embeddings").asBoolean(false));
            ModelSpec spec = Families.translate(config, tied ? Set.of() : Set.of("lm_head.weight"));
            return new Row(name, "%s bits".formatted(bits), MemoryFit.of(spec, MemoryFit.estimated(spec, bits, group), bits >= 16, wish));
        }
        ModelHeads heads = ModelHeads.read(pack);
        return new Row(name, heads.quant(), MemoryFit.of(heads.spec(), heads.bytes(), heads.plainFloats(), wish));
    }

    private List<String> header() {
        List<String> header = new ArrayList<>(List.of("MODEL", "QUANT", "WEIGHTS", "KV", "OVERHEAD", "TOTAL", "FITS", "CONTEXT"));
        if (train) header.addAll(List.of("LORA", "FITS", "FULL", "FITS"));
        return header;
    }

    private List<String> cells(Row row) {
        MemoryFit fit = row.fit();
        List<String> cells = new ArrayList<>(List.of(row.model(), row.quant(), size(fit.weights()), size(fit.kv()), size(fit.overhead()), size(fit.total()),
                fit.fits() ? "yes" : "no", Long.toString(fit.largestContext())));
        boolean floats = fit.full() > 0;
        if (train) cells.addAll(List.of(size(fit.lora()), fit.loraFits() ? "yes" : "no", floats ? size(fit.full()) : "-", !floats ? "-" : fit.fullFits() ? "yes" : "no"));
        return cells;
    }

    private static String size(long bytes) {
        return bytes >= 1L << 30 ? "%.1fg".formatted(bytes / (double) (1L << 30)) : "%.0fm".formatted(bytes / (double) (1L << 20));
    }

    private Map<String, Object> facts(Row row) {
        MemoryFit fit = row.fit();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("model", row.model());
        facts.put("quant", row.quant());
        facts.put("params", fit.parameters());
        facts.put("weights", fit.weights());
        facts.put("kv", fit.kv());
        facts.put("overhead", fit.overhead());
        facts.put("total", fit.total());
        facts.put("fits", fit.fits());
        facts.put("largest_context", fit.largestContext());
        facts.put("lora_params", fit.loraParameters());
        facts.put("lora", fit.lora());
        facts.put("lora_fits", fit.loraFits());
        facts.put("full", fit.full() == 0 ? null : fit.full());
        facts.put("full_fits", fit.fullFits());
        return facts;
    }
}
