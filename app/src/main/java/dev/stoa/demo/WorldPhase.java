// SPDX-License-Identifier: Apache-2.0
package dev.stoa.demo;

import dev.stoa.eval.world.Item;
import dev.stoa.eval.world.ItemEncoder;
import dev.stoa.eval.world.Split;
import dev.stoa.format.AtomicFiles;
import dev.stoa.format.Sha256;
import dev.stoa.token.BpeTrainer;
import dev.stoa.token.Tokenizer;
import dev.stoa.token.TokenizerJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Draws the world, trains its tokenizer and writes both.
final class WorldPhase implements Phase<WorldPhase.Result> {
    private static final int TOKENIZER_ITEMS = 4000;
    private static final int SAMPLED = 400;

    /// Hashes name content; token counts are means over test prompts and their answers.
    record Result(String worldHash, String tokenizerHash, String corpusHash, int vocabulary, double promptTokens, double answerTokens) {}

    @Override
    public String name() {
        return "1-world";
    }

    @Override
    public String title() {
        return "world and tokenizer";
    }

    @Override
    public int budgetSeconds() {
        return 10;
    }

    @Override
    public Class<Result> resultType() {
        return Result.class;
    }

    @Override
    public Result run(Workbench bench) throws IOException {
        String json = tokenizerJson(bench);
        Path directory = Files.createDirectories(bench.tokenizerFile().getParent());
        AtomicFiles.write(bench.tokenizerFile(), json);
        AtomicFiles.write(directory.resolve("world.json"), bench.world.json());
        Tokenizer tokenizer = TokenizerJson.parse(json);
        long prompts = 0, answers = 0;
        int count = 0;
        Sha256 corpus = new Sha256();
        for (var domain : bench.world.domains()) {
            for (int i = 0; i < SAMPLED / bench.world.domains().size(); i++, count++) {
                Item item = bench.world.item(domain.name(), Split.TEST, i);
                corpus.text(item.prompt()).text(item.answer());
                prompts += tokenizer.encode(item.prompt(), false).length;
                answers += tokenizer.encode(item.answer(), false).length;
            }
        }
        for (int i = 0; i < SAMPLED; i++) corpus.text(bench.world.pretrain(i).prompt()).text(bench.world.pretrain(i).answer());
        return new Result(bench.world.hash(), Sha256.hex(json), corpus.hex(), tokenizer.size(), (double) prompts / count, (double) answers / count);
    }

    static String tokenizerJson(Workbench bench) {
        return BpeTrainer.train(bench.world.tokenizerTexts(TOKENIZER_ITEMS), bench.options.size().vocabulary(), ItemEncoder.specials());
    }
}
