// SPDX-License-Identifier: Apache-2.0
package dev.stoa.template.dialect;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// How a family of models marks reasoning and tool calls. `controls` are tokens that must never be visible; `turns` are
/// those that begin a turn of the prompt. `bareJson`: an answer that begins with `{` may be a call without markers.
/// Immutable.
public record Dialect(String name, List<Block> reasoning, List<Block> tools, ToolSyntax syntax, List<String> controls,
                      List<String> turns, boolean bareJson) {
    private static final List<Block> THINK = List.of(new Block("<think>", "</think>"));
    private static final List<String> CHATML = List.of("<|im_start|>", "<|im_end|>", "<|endoftext|>");

    public static final Dialect NONE = new Dialect("none", List.of(), List.of(), ToolSyntax.JSON, List.of(), List.of(), false);
    public static final Dialect HERMES = new Dialect("hermes", THINK, List.of(new Block("<tool_call>", "</tool_call>")),
            ToolSyntax.JSON_OR_TAGS, CHATML, List.of("<|im_start|>"), false);
    public static final Dialect QWEN_CODER = new Dialect("qwen3.5", THINK, List.of(new Block("<tool_call>", "</tool_call>"),
            new Block("<function=", "</function>")), ToolSyntax.JSON_OR_TAGS, CHATML, List.of("<|im_start|>"), false);
    public static final Dialect LLAMA3 = new Dialect("llama3", List.of(), List.of(new Block("<|python_tag|>", "")), ToolSyntax.JSON,
            List.of("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
            List.of("<|start_header_id|>"), true);
    public static final Dialect GEMMA4 = new Dialect("gemma4", List.of(new Block("<|channel>thought\n", "<channel|>"),
            new Block("<|channel>", "<channel|>")), List.of(new Block("<|tool_call>", "<tool_call|>")), ToolSyntax.GEMMA,
            List.of("<|turn>", "<turn|>", "<eos>", "<|tool_response>", "<tool_response|>"), List.of("<|turn>"), false);
    public static final Dialect MINIMAX_M2 = new Dialect("minimax-m2", THINK, List.of(new Block("<minimax:tool_call>", "</minimax:tool_call>")),
            ToolSyntax.INVOKE, List.of("]~!b[", "]~b]", "[e~["), List.of("]~b]"), false);
    public static final Dialect GPT_OSS = new Dialect("gpt-oss", List.of(), List.of(), ToolSyntax.HARMONY,
            List.of("<|end|>", "<|return|>", "<|call|>", "<|constrain|>"), List.of("<|start|>"), false);
    public static final Dialect GENERIC = new Dialect("generic", List.of(new Block("<think>", "</think>"), new Block("<thinking>", "</thinking>"),
            new Block("<reasoning>", "</reasoning>"), new Block("<analysis>", "</analysis>")),
            List.of(new Block("<tool_call>", "</tool_call>")), ToolSyntax.JSON_OR_TAGS, CHATML, List.of("<|im_start|>"), false);

    public Dialect {
        reasoning = List.copyOf(reasoning);
        tools = List.copyOf(tools);
        controls = List.copyOf(controls);
        turns = List.copyOf(turns);
    }

    /// Every dialect, by its own name.
    public static List<Dialect> all() {
        return List.of(HERMES, QWEN_CODER, LLAMA3, GEMMA4, MINIMAX_M2, GPT_OSS, GENERIC, NONE);
    }

    /// The dialect of a `model_type`, a family or a dialect's own name; GENERIC for one that is not known.
    public static Dialect of(String family) {
        String key = family.toLowerCase(Locale.ROOT).replace('-', '_').replace('.', '_');
        return switch (key) {
            case "hermes", "qwen2", "qwen2_5", "qwen3", "qwen3_moe" -> HERMES;
            case "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text", "qwen3_6", "qwen3_coder", "coder", "qwen3_next" -> QWEN_CODER;
            case "llama", "llama3" -> LLAMA3;
            case "gemma4", "gemma4_text", "gemma4_unified" -> GEMMA4;
            case "minimax_m2", "minimax_m2_7" -> MINIMAX_M2;
            case "gpt_oss" -> GPT_OSS;
            case "none", "bert", "mpnet" -> NONE;
            default -> GENERIC;
        };
    }

    /// The same reasoning and controls for an answer that was offered no tools: what looks like a call is text.
    public Dialect withoutTools() {
        return syntax == ToolSyntax.HARMONY ? this : new Dialect(name, reasoning, List.of(), syntax, controls, turns, false);
    }

    /// Everything that is never text of its own: markers and controls.
    public List<String> markers() {
        List<String> all = new ArrayList<>(controls);
        for (Block block : reasoning) all.addAll(List.of(block.open(), block.close()));
        for (Block block : tools) {
            all.add(block.open());
            if (!block.close().isEmpty()) all.add(block.close());
        }
        if (syntax == ToolSyntax.HARMONY) all.addAll(List.of(Harmony.START, Harmony.CHANNEL, Harmony.MESSAGE));
        return all.stream().distinct().toList();
    }

    /// The reasoning block that a rendered prompt leaves open in the turn it ends with, or null: then the answer begins
    /// inside of it.
    public Block opened(String prompt) {
        int turn = 0;
        for (String marker : turns) turn = Math.max(turn, prompt.lastIndexOf(marker));
        String tail = prompt.substring(turn);
        Block found = null;
        int at = -1;
        for (Block block : reasoning) {
            int open = tail.lastIndexOf(block.open());
            boolean stillOpen = open >= 0 && tail.indexOf(block.close(), open + block.open().length()) < 0;
            if (stillOpen && open > at) {
                found = block;
                at = open;
            }
        }
        return found;
    }
}
