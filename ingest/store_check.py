"""Which stores a site has, and every problem in their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from devices.model import PermanentError
from devices.site import Problem, Site
from ingest.store_model import Store, StoreParams, StoreSpec, load_stores


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStore:
    """A store of the site with its checked parameters."""

    spec: StoreSpec
    params: StoreParams

    @property
    def batch_points(self) -> int:
        """How many points one write may hold."""
        return self.spec.batch_points(self.params)

    @property
    def is_read(self) -> bool:
        """Tell whether history is read there."""
        return self.spec.reads(self.params)

    def open(self) -> Store | None:
        """Return the store, None when there is nothing to forward to."""
        return self.spec.build(self.params)


def check_stores(site: Site) -> tuple[Problem, ...]:
    """Return every problem of `[store]`. A SiteCheck."""
    specs = load_stores()
    problems: list[Problem] = []
    for name, params in site.store.items():
        if name not in specs:
            known = ", ".join(sorted(specs))
            problems.append(Problem(key=f"store.{name}", message=f"store {name!r} is unknown; there are {known}"))
            continue
        try:
            specs[name].params.model_validate(params)
        except ValidationError as error:
            for wrong in error.errors(include_url=False, include_input=False):
                path = ".".join(str(part) for part in wrong["loc"])
                problems.append(Problem(key=f"store.{name}.{path}".rstrip("."), message=wrong["msg"]))
    return tuple(problems)


def site_stores(site: Site) -> Mapping[str, SiteStore]:
    """Return the stores of the site by name. Raises PermanentError that lists all problems."""
    problems = check_stores(site)
    if problems:
        raise PermanentError("\n".join(f"{problem.key}: {problem.message}" for problem in problems))
    specs = load_stores()
    return {
        name: SiteStore(spec=specs[name], params=specs[name].params.model_validate(params))
        for name, params in site.store.items()
    }


def forwarded_stores(site: Site) -> Mapping[str, SiteStore]:
    """Return the stores to which the journal is forwarded. Raises PermanentError that lists all problems."""
    return {name: store for name, store in site_stores(site).items() if store.open() is not None}
