// SPDX-License-Identifier: Apache-2.0
package dev.stoa.nn.mixer;

import dev.stoa.cache.KvShape;
import dev.stoa.cache.KvState;
import dev.stoa.cache.StateShape;
import dev.stoa.tensor.Tensor;
import java.util.List;

/// A mixer that exists in tests only: the mean of all inputs so far. Registered from the test class path.
public final class AverageMixer implements MixerProvider {
    @Override
    public String kind() {
        return "test_average";
    }

    @Override
    public List<MixerTensor> tensors(MixerConfig config) {
        return List.of(MixerTensor.linear("o_proj", config.hidden(), config.hidden()));
    }

    @Override
    public Mixer build(MixerBuildContext context) {
        int hidden = context.config().hidden();
        return new Mixer() {
            @Override
            public StateShape stateShape() {
                return KvShape.latent(hidden);
            }

            @Override
            public int[] widths() {
                return new int[] {hidden};
            }

            @Override
            public boolean remembersApart() {
                return true;
            }

            @Override
            public void remember(MixerCall call) {
                for (int r = 0; r < call.rows(); r++) ((KvState) call.states()[r]).put(call.positions()[r], call.x(), null, r);
            }

            @Override
            public void mix(MixerCall call) {
                Tensor mean = call.buffers().at(0, call.rows(), hidden);
                for (int r = 0; r < call.rows(); r++) {
                    for (int i = 0; i < hidden; i++) {
                        double sum = 0;
                        for (int t = 0; t <= call.positions()[r]; t++) {
                            sum += ((KvState) call.states()[r]).keys().get(Tensor.FLOAT, 4L * (t * hidden + i));
                        }
                        mean.set((long) r * hidden + i, (float) (sum / (call.positions()[r] + 1)));
                    }
                }
                call.projections().apply(context.linear("o_proj"), mean, call.y(), call.accumulate());
            }
        };
    }
}
