// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import java.util.List;

/// A `config.json` after [ConfigReader] brought its dialect to one form. Sizes are in range; `kvHeads` and `headDim`
/// are 0 and `tieWordEmbeddings` is null when the file does not say, since their defaults belong to the family.
public record ModelConfig(
        String modelType,
        int vocab,
        int hidden,
        int intermediate,
        int layers,
        int heads,
        int kvHeads,
        int headDim,
        float rmsNormEps,
        int maxPositions,
        String hiddenAct,
        boolean attentionBias,
        boolean mlpBias,
        Boolean tieWordEmbeddings,
        RopeParameters rope,
        boolean useSlidingWindow,
        int slidingWindow,
        int maxWindowLayers,
        List<String> layerTypes,
        List<Integer> eosIds) {

    /// How positions are rotated, before it becomes frequencies. `type` is default, linear, llama3 or yarn;
    /// fields a type does not use keep their defaults, NaN means "not given".
    public record RopeParameters(
            String type,
            double theta,
            double factor,
            double lowFreqFactor,
            double highFreqFactor,
            double originalMaxPositions,
            double attentionFactor,
            double betaFast,
            double betaSlow,
            double mscale,
            double mscaleAllDim,
            boolean truncate) {}

    public ModelConfig {
        layerTypes = List.copyOf(layerTypes);
        eosIds = List.copyOf(eosIds);
    }
}
