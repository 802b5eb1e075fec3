// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.adapter.AdapterSet;

/// One request to the engine: prompt ids, how to sample, which experts and how they combine.
public record GenerateRequest(int[] prompt, GenerateConfig config, AdapterSet experts, Compose compose, int priority) {
    public GenerateRequest {
        prompt = prompt.clone();
    }

    public static GenerateRequest greedy(int[] prompt, int maxTokens, AdapterSet experts, Compose compose) {
        return new GenerateRequest(prompt, GenerateConfig.greedy(maxTokens), experts, compose, 5);
    }
}
