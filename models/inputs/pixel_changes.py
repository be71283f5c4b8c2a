"""Changes to images, and mixtures of them, by torchvision's transforms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.hardware.randomness import Seed, borrowed_generator, seed_number
from models.inputs.pixels import PixelRows, collect_pixels
from models.inputs.rows import Indices

CROP_SHAPES = (3 / 4, 4 / 3)


@dataclass(frozen=True)
class PixelChange:
    """Crops, mirrors, and changes colours or shape by a policy.

    Attributes:
        min_crop: A crop keeps a share of the area from here to 1, and is brought back to size; 1 crops nothing.
        flip: Probability that left and right change places.
        policy: TrivialAugment (Müller and Hutter 2021) or RandAugment (Cubuk et al. 2020), each with torchvision's
            defaults.
    """

    min_crop: float = 1.0
    flip: float = 0.0
    policy: Literal["none", "trivial", "rand"] = "none"
    takes_cells: bool = field(default=False, init=False, repr=False)

    def __call__(
        self,
        rows: PixelRows,
        indices: Indices,
        *,
        donors: Indices,  # noqa: ARG002 - of the protocol
        seeds: Sequence[Seed | None],
    ) -> PixelRows:
        """Return the changed images; see `models.inputs.augmentation.Change`. `donors` have no part in it."""
        transform = self._transform(rows.processor.size)
        with borrowed_generator() as generator:

            def changed(row: int, seed: Seed | None) -> NDArray[np.uint8]:
                pixels = np.asarray(rows.pixels[row])
                if seed is None:
                    return pixels
                generator.manual_seed(seed_number(seed))
                image = transform(torch.from_numpy(pixels.copy()).permute(2, 0, 1))
                return np.ascontiguousarray(image.permute(1, 2, 0).numpy())

            pairs = zip(indices.tolist(), seeds, strict=True)
            return collect_pixels(
                rows.processor,
                (changed(row, seed) for row, seed in pairs),
                num_rows=len(indices),
                row_ids=[rows.row_ids[i] for i in indices.tolist()],
            )

    def _transform(self, side: int) -> Callable[[Tensor], Tensor]:
        """Return uint8 (3, S, S) to the same, drawing from torch's generator."""
        from torchvision.transforms import v2

        steps: list[Callable[[Tensor], Tensor]] = []
        if self.min_crop < 1:
            steps.append(v2.RandomResizedCrop(side, scale=(self.min_crop, 1.0), ratio=CROP_SHAPES, antialias=True))
        if self.flip:
            steps.append(v2.RandomHorizontalFlip(self.flip))
        if self.policy != "none":
            steps.append({"trivial": v2.TrivialAugmentWide, "rand": v2.RandAugment}[self.policy]())
        transform: Callable[[Tensor], Tensor] = v2.Compose(steps) if steps else v2.Identity()
        return transform


@dataclass(frozen=True)
class PixelMix:
    """MixUp (Zhang et al. 2018) or CutMix (Yun et al. 2019) of a batch's images; where both are on, either by chance.

    `mixup_alpha` and `cutmix_alpha` shape the Beta distribution of the parts; 0 is off.
    """

    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0

    def __call__(self, batch: dict[str, Tensor], targets: Tensor, *, seed: Seed) -> tuple[dict[str, Tensor], Tensor]:
        """Return the mixed batch; see `models.inputs.augmentation.Mix`."""
        from torchvision.transforms import v2

        kinds: list[tuple[Any, float]] = [(v2.MixUp, self.mixup_alpha), (v2.CutMix, self.cutmix_alpha)]
        chosen = [kind(alpha=alpha) for kind, alpha in kinds if alpha]
        with borrowed_generator() as generator:
            generator.manual_seed(seed_number(seed))
            mix = chosen[int(torch.randint(len(chosen), (1,)))]
            pixels, parts, mixed = mix_with_own_parts(mix, batch["pixel_values"], targets)
        if parts[0, 0] < 0.5:  # the neighbour's part is larger: let the pair stand at the neighbour's place
            pixels, mixed = pixels.roll(-1, 0), mixed.roll(-1, 0)
        return {**batch, "pixel_values": pixels}, mixed


def mix_with_own_parts(mix: Any, pixels: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mixed pixels, the part (B, B) that each row has in each mixture, and mixed targets."""
    both = torch.cat([torch.eye(len(targets)), targets], dim=1)
    mixed_pixels, mixed = mix(pixels, both)
    return mixed_pixels, mixed[:, : len(targets)], mixed[:, len(targets) :]
