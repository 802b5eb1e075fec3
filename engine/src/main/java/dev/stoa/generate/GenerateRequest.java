// SPDX-License-Identifier: Apache-2.0
package dev.stoa.generate;

import dev.stoa.EngineFault;
import dev.stoa.Fault;
import dev.stoa.adapter.AdapterSet;
import dev.stoa.generate.grammar.Constraint;

/// One request to the engine: prompt ids, how to sample, which experts and how they combine. Null stands for the
/// defaults: `GenerateConfig.DEFAULT`, no experts, `SUM`. `priority` 0 to 9, higher is sooner. `form` is what the answer must
/// look like, or null.
public record GenerateRequest(int[] prompt, GenerateConfig config, AdapterSet experts, Compose compose, int priority, Constraint form) {
    public GenerateRequest(int[] prompt, GenerateConfig config, AdapterSet experts, Compose compose, int priority) {
        this(prompt, config, experts, compose, priority, null);
    }

    public GenerateRequest {
        if (prompt == null || prompt.length == 0) {
            throw Fault.of(EngineFault.EMPTY_PROMPT, "the prompt has no tokens").expected("at least one token").exception();
        }
        if (priority < 0 || priority > 9) {
            throw Fault.of(EngineFault.OUT_OF_RANGE, "priority is out of range").got(priority).expected("0 to 9").exception();
        }
        prompt = prompt.clone();
        config = config == null ? GenerateConfig.DEFAULT : config;
        experts = experts == null ? AdapterSet.BASE : experts;
        compose = compose == null ? Compose.SUM : compose;
    }

    public static GenerateRequest greedy(int[] prompt, int maxTokens, AdapterSet experts, Compose compose) {
        return new GenerateRequest(prompt, GenerateConfig.greedy(maxTokens), experts, compose, 5);
    }
}
