import numpy as np
import pytest

from deid_platform.training.heads.labels import SPACING, LabelledHead, label


@pytest.fixture(scope="session")
def head() -> LabelledHead:
    """An egg with a bright brain, a dark skull and skin; the origin of the head frame is the middle of its grid."""
    shape = (96, 120, 120)
    frame = np.diag([SPACING, SPACING, SPACING, 1.0])
    frame[:3, 3] = [-SPACING * count / 2 for count in shape]
    x, y, z = (axis * SPACING for axis in np.meshgrid(*(np.arange(n) - n / 2 for n in shape), indexing="ij"))

    def egg(across: float, along: float, up: float) -> np.ndarray:
        return (x / across) ** 2 + (y / along) ** 2 + (z / up) ** 2 < 1

    image = 60.0 * egg(80, 100, 105) - 42.0 * egg(74, 92, 90)
    brain = egg(66, 78, 60)
    image[brain] = 100 + 20 * np.sin(x / 9)[brain]
    return label(image, brain, frame)
