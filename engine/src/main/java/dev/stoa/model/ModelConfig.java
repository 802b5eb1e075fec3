// SPDX-License-Identifier: Apache-2.0
package dev.stoa.model;

import java.util.List;
import java.util.Map;

/// A `config.json` after [ConfigReader] brought its dialect to one form. Sizes are in range; `kvHeads` and `headDim`
/// are 0 and `tieWordEmbeddings` is null when the file does not say, since their defaults belong to the family.
/// `fields` are the keys the family reads itself.
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
        Map<String, RopeParameters> ropeByLayerType,
        boolean useSlidingWindow,
        int slidingWindow,
        int maxWindowLayers,
        List<String> layerTypes,
        List<Integer> eosIds,
        ConfigFields fields) {

    /// How positions are rotated, before it becomes frequencies. `type` is default, linear, llama3, yarn
    /// or proportional; fields a type does not use keep their defaults, NaN means "not given".
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
            boolean truncate,
            double partialRotaryFactor) {}

    /// The rotation of layers of one type: its own parameters, or those all layers share.
    public RopeParameters rope(String layerType) {
        return ropeByLayerType.getOrDefault(layerType, rope);
    }

    public ModelConfig {
        ropeByLayerType = Map.copyOf(ropeByLayerType);
        layerTypes = List.copyOf(layerTypes);
        eosIds = List.copyOf(eosIds);
    }
}
