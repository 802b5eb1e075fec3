// SPDX-License-Identifier: Apache-2.0
package dev.stoa.format;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stoa.FaultException;
import dev.stoa.adapter.AdapterBase;
import dev.stoa.adapter.AdapterFiles;
import dev.stoa.adapter.GgufNames;
import dev.stoa.adapter.PeftReader;
import dev.stoa.quant.Quant;
import dev.stoa.template.ChatTemplate;
import dev.stoa.template.Message;
import dev.stoa.tensor.Ledger;
import dev.stoa.tensor.Scope;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Files with flipped bytes, cut ends and edited numbers are read, or refused with a fault; never anything else. Each
/// test runs for 2 s (`-Dtest.seconds=60`) and at least 100 inputs (`-Dtest.count=100000` for a campaign), from a printed
/// seed (`-Dtest.seed`).
class HostileFilesTest {
    private static final long SECONDS = Long.getLong("test.seconds", 2);
    private static final long SEED = Long.getLong("test.seed", 20261121);
    private static final int MIN_TRIES = Integer.getInteger("test.count", 100);
    private static final long HEAP_LIMIT = 64L << 20; // models.md allows 256 MiB
    private static final long[] LENGTHS = {0, 1, -1, 1L << 31, 1L << 32, Long.MAX_VALUE, (1L << 31) - 1};
    private static final Path GOLDEN = Path.of("src/test/resources/golden");
    @TempDir Path dir;

    /// Reads one broken input; may throw FaultException or IOException.
    private interface Reader {
        void read(byte[] bytes) throws IOException;
    }

    @Test
    void safetensors() throws IOException {
        byte[] good = Files.readAllBytes(GOLDEN.resolve("model/model.safetensors"));
        fuzz("safetensors", good, bytes -> {
            try (Scope scope = new Ledger().scope("fuzz")) {
                Safetensors file = Safetensors.open(Files.write(dir.resolve("f.safetensors"), bytes), scope);
                long sum = 0;
                for (String name : file.names()) sum += file.find(name).data().byteSize();
                assertThat(sum).isLessThanOrEqualTo(bytes.length);
            }
        });
    }

    /// Only the head is broken, where every byte is read.
    @Test
    void safetensorsHeads() throws IOException {
        byte[] good = Files.readAllBytes(GOLDEN.resolve("model/model.safetensors"));
        int head = 8 + (int) ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN).getLong();
        fuzz("safetensors head", Arrays.copyOf(good, head), bytes -> {
            byte[] file = Arrays.copyOf(bytes, bytes.length + good.length - head);
            System.arraycopy(good, head, file, bytes.length, good.length - head);
            try (Scope scope = new Ledger().scope("fuzz")) {
                Safetensors all = Safetensors.open(Files.write(dir.resolve("h.safetensors"), file), scope);
                long sum = 0;
                for (String name : all.names()) sum += all.find(name).data().byteSize();
                assertThat(sum).isLessThanOrEqualTo(file.length);
            }
        });
    }

    @Test
    void shardIndexes() throws IOException {
        Path source = GOLDEN.resolve("families/qwen2-window");
        try (var files = Files.list(source)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) Files.copy(file, dir.resolve(file.getFileName()));
        }
        fuzz("model.safetensors.index.json", Files.readAllBytes(source.resolve("model.safetensors.index.json")), bytes -> {
            try (Scope scope = new Ledger().scope("fuzz")) {
                ShardedSafetensors all = ShardedSafetensors.open(Files.write(dir.resolve("model.safetensors.index.json"), bytes), scope);
                for (Path file : all.files()) assertThat(file.getParent()).isEqualTo(dir);
                for (String name : all.names()) assertThat(all.find(name)).isNotNull();
            }
        });
    }

    @Test
    void gguf() throws IOException {
        byte[] good = Files.readAllBytes(GOLDEN.resolve("gguf/plain.gguf"));
        fuzz("gguf", good, bytes -> {
            try (Scope scope = new Ledger().scope("fuzz")) {
                Gguf file = Gguf.open(Files.write(dir.resolve("f.gguf"), bytes), scope);
                long sum = 0;
                for (String name : file.names()) sum += file.find(name).data().byteSize();
                assertThat(sum).isLessThanOrEqualTo(bytes.length);
                file.tokenizerHash();
                for (String key : file.metadata().keys()) assertThat(file.metadata().get(key).toString()).isNotBlank();
            }
        });
    }

    @Test
    void tokenizers() throws IOException {
        byte[] good = Files.readAllBytes(GOLDEN.resolve("token/llama3.tokenizer.json"));
        fuzz("tokenizer.json", good, bytes -> {
            Tokenizer tokenizer = TokenizerJson.parse(new String(bytes, StandardCharsets.ISO_8859_1));
            int[] ids = tokenizer.encode("Some text, 12 words:  é \uD83D\uDE00\n\n", true);
            tokenizer.decode(ids, false);
        });
    }

    @Test
    void adapterConfigs() throws IOException {
        Path source = GOLDEN.resolve("adapter/patterns");
        Files.copy(source.resolve("adapter_model.safetensors"), dir.resolve("adapter_model.safetensors"));
        fuzz("adapter_config.json", Files.readAllBytes(source.resolve("adapter_config.json")), bytes -> {
            Files.write(dir.resolve("adapter_config.json"), bytes);
            readAdapter();
        });
    }

    @Test
    void adapterWeights() throws IOException {
        Path source = GOLDEN.resolve("adapter/patterns");
        Files.copy(source.resolve("adapter_config.json"), dir.resolve("adapter_config.json"));
        fuzz("adapter_model.safetensors", Files.readAllBytes(source.resolve("adapter_model.safetensors")), bytes -> {
            Files.write(dir.resolve("adapter_model.safetensors"), bytes);
            readAdapter();
        });
    }

    @Test
    void mlxAdapters() throws IOException {
        Path source = GOLDEN.resolve("adapter/mlx-lora");
        Files.copy(source.resolve("adapter_config.json"), dir.resolve("adapter_config.json"));
        fuzz("adapters.safetensors", Files.readAllBytes(source.resolve("adapters.safetensors")), bytes -> {
            Files.write(dir.resolve("adapters.safetensors"), bytes);
            try (Scope scope = new Ledger().scope("fuzz")) {
                AdapterFiles.read(dir, adapterBase(), null, scope);
            }
        });
    }

    @Test
    void ggufAdapters() throws IOException {
        Map<String, String> names = new HashMap<>();
        for (int layer = 0; layer < 2; layer++) {
            for (String part : new String[] {"q", "v"}) names.put("blk." + layer + ".attn_" + part + ".weight", "layers." + layer + ".self_attn." + part + "_proj");
        }
        fuzz("lora.gguf", Files.readAllBytes(GOLDEN.resolve("adapter/gguf-plain.gguf")), bytes -> {
            try (Scope scope = new Ledger().scope("fuzz")) {
                AdapterFiles.read(Files.write(dir.resolve("l.gguf"), bytes), adapterBase(), new GgufNames("llama", names, Map.of(), Map.of()), scope);
            }
        });
    }

    @Test
    void packedModules() throws IOException {
        byte[] good = Files.readAllBytes(GOLDEN.resolve("mlx/packed.safetensors"));
        QuantConfig config = QuantConfig.read(GOLDEN.resolve("mlx"),
                Json.readObject(GOLDEN.resolve("mlx/config.json"), 1 << 20, dev.stoa.EngineFault.CONFIG_INVALID));
        fuzz("packed.safetensors", good, bytes -> {
            try (Scope scope = new Ledger().scope("fuzz")) {
                Safetensors file = Safetensors.open(Files.write(dir.resolve("p.safetensors"), bytes), scope);
                Weights view = QuantizedWeights.of(file, config, Map.of(), dir);
                for (String name : view.names()) if (Quant.supports(view.find(name).dtype())) Quant.decode(view.find(name));
            }
        });
    }

    @Test
    void templates() throws IOException {
        String line = Files.readAllLines(GOLDEN.resolve("template/cases.jsonl")).getLast();
        String template = Json.parse(line, "case", dev.stoa.EngineFault.TEMPLATE_INVALID).get("template").stringValue();
        List<Message> messages = List.of(new Message("system", "s"), new Message("user", "hi"), new Message("assistant", "yo"));
        fuzz("template", template.getBytes(StandardCharsets.UTF_8), bytes ->
                ChatTemplate.parse(new String(bytes, StandardCharsets.UTF_8)).render(messages, true, Map.of()));
    }

    private void readAdapter() throws IOException {
        try (Scope scope = new Ledger().scope("fuzz")) {
            PeftReader.read(dir, adapterBase().modules(), scope);
        }
    }

    private static AdapterBase adapterBase() {
        Map<String, long[]> base = new HashMap<>();
        for (String layer : new String[] {"layers.0.", "layers.1."}) {
            for (String name : new String[] {"q_proj", "o_proj"}) base.put(layer + "self_attn." + name, new long[] {8, 8});
            for (String name : new String[] {"k_proj", "v_proj"}) base.put(layer + "self_attn." + name, new long[] {4, 8});
            for (String name : new String[] {"gate_proj", "up_proj"}) base.put(layer + "mlp." + name, new long[] {10, 8});
            base.put(layer + "mlp.down_proj", new long[] {8, 10});
        }
        return AdapterBase.ofModules(base);
    }

    private static void fuzz(String name, byte[] good, Reader reader) throws IOException {
        Random random = new Random(SEED);
        long heapBefore = usedHeap();
        long begin = System.nanoTime();
        long end = begin + SECONDS * 1_000_000_000;
        int tried = 0;
        int accepted = 0;
        for (int cut = 0; cut < good.length && System.nanoTime() < begin + (end - begin) / 2; cut += 64, tried++) {
            accepted += read(Arrays.copyOf(good, cut), reader, "cut at " + cut);
        }
        while (System.nanoTime() < end || tried < MIN_TRIES) {
            accepted += read(broken(good, random), reader, "seed " + SEED + ", try " + tried);
            tried++;
        }
        long grown = usedHeap() - heapBefore;
        System.out.printf("%s: %d broken inputs, %d still readable, heap %+d KiB, seed %d%n", name, tried, accepted, grown >> 10, SEED);
        assertThat(grown).isLessThan(HEAP_LIMIT);
    }

    private static int read(byte[] bytes, Reader reader, String what) throws IOException {
        long begin = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime(); // not the clock: a paused machine is no hang
        try {
            reader.read(bytes);
            return 1;
        } catch (FaultException | IOException refused) {
            assertThat(refused.getMessage()).isNotBlank();
            return 0;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError wrong) {
            throw new AssertionError(what + ": " + wrong, wrong);
        } finally {
            assertThat(ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - begin).as(what).isLessThan(10_000_000_000L);
        }
    }

    private static byte[] broken(byte[] good, Random random) {
        byte[] bytes = good.clone();
        switch (random.nextInt(4)) {
            case 0 -> {
                for (int i = random.nextInt(4); i >= 0; i--) bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
            }
            case 1 -> ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(random.nextBoolean() ? 0 : random.nextInt(bytes.length - 8), LENGTHS[random.nextInt(LENGTHS.length)]);
            case 2 -> {
                String text = new String(bytes, StandardCharsets.ISO_8859_1);
                java.util.regex.Matcher number = java.util.regex.Pattern.compile("\\d+").matcher(text);
                int at = number.find(random.nextInt(bytes.length)) ? number.start() : -1;
                if (at < 0) break;
                String edited = text.substring(0, at) + LENGTHS[random.nextInt(LENGTHS.length)] + text.substring(number.end());
                return edited.getBytes(StandardCharsets.ISO_8859_1);
            }
            default -> {
                int from = random.nextInt(bytes.length);
                int length = Math.min(random.nextInt(40), bytes.length - from);
                System.arraycopy(bytes, random.nextInt(bytes.length - length), bytes, from, length);
            }
        }
        return bytes;
    }

    private static long usedHeap() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }
}
