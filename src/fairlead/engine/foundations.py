"""Images that containers stand upon. One that is deleted under them (`rmi -f`) is nobody's image any more, but its
layers stay until the last of its containers is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fairlead.model.image import Image
from fairlead.store.images import ImageStore


class Foundations:
    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._users: Counter[str] = Counter()
        self._departed = {image.id: image for image in store.departed()}

    def use(self, image_id: str) -> None:
        """A container comes to stand upon it; each `use` is ended by one `leave`."""
        if image_id:
            self._users[image_id] += 1

    def leave(self, image_id: str) -> bool:
        """Whether that was the last one of an image that is deleted: its layers may go."""
        if not image_id:
            return False
        self._users[image_id] -= 1
        if self._users[image_id] > 0:
            return False
        del self._users[image_id]
        return image_id in self._departed

    def bears(self, image_id: str) -> bool:
        return image_id in self._users

    def depart(self, image: Image) -> None:
        self._store.depart(image.id)
        self._departed[image.id] = image

    def departed(self, image_id: str) -> Image | None:
        return self._departed.get(image_id)

    def forget(self, image_id: str) -> None:
        """It is an image again, or gone for good."""
        self._departed.pop(image_id, None)

    def abandoned(self) -> Iterator[str]:
        """Deleted, and without containers: the daemon was killed before it could let them go."""
        return (image_id for image_id in list(self._departed) if image_id not in self._users)
