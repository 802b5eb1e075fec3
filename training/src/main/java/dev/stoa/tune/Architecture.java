// SPDX-License-Identifier: Apache-2.0
package dev.stoa.tune;

import java.util.List;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Shape of a Llama-like base to train from scratch; field names are those of `config.json`. The head is tied.
public record Architecture(
        int vocabSize, int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads, int numKeyValueHeads,
        int headDim, int maxPositionEmbeddings, double ropeTheta, double rmsNormEps, List<Integer> eosTokenId) {
    public Architecture {
        eosTokenId = List.copyOf(eosTokenId);
    }

    /// The demo world's base: 3 layers, width 128, 4 query and 2 key heads of 32, gated feed-forward of 320.
    public static Architecture demo(int vocabSize, int eosTokenId) {
        return new Architecture(vocabSize, 128, 320, 3, 4, 2, 32, 256, 10_000, 1e-6, List.of(eosTokenId));
    }

    /// `config.json` as transformers writes it for LlamaForCausalLM.
    public ObjectNode config() {
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.putArray("architectures").add("LlamaForCausalLM");
        config.put("model_type", "llama").put("vocab_size", vocabSize).put("hidden_size", hiddenSize);
        config.put("intermediate_size", intermediateSize).put("num_hidden_layers", numHiddenLayers);
        config.put("num_attention_heads", numAttentionHeads).put("num_key_value_heads", numKeyValueHeads);
        config.put("head_dim", headDim).put("max_position_embeddings", maxPositionEmbeddings).put("rope_theta", ropeTheta);
        config.put("rms_norm_eps", rmsNormEps).put("hidden_act", "silu").put("attention_bias", false).put("mlp_bias", false);
        config.put("tie_word_embeddings", true).put("torch_dtype", "float32");
        if (eosTokenId.size() == 1) config.put("eos_token_id", eosTokenId.getFirst());
        else eosTokenId.forEach(config.putArray("eos_token_id")::add);
        return config;
    }
}
