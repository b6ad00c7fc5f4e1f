"""Polynomial fields as files: compressed numpy archives and JSON text, both exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from scipy import sparse

from qgd_core.dynamics.monomials import row_of_entries
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError

FORMAT = "qgd-field-1"


def to_json(field: PolynomialField) -> str:
    """Return the field as JSON text; every float keeps all its digits."""
    terms = {
        str(k): {
            "rows": row_of_entries(matrix).tolist(),
            "columns": matrix.indices.tolist(),
            "values": matrix.data.tolist(),
        }
        for k, matrix in field.coefficients.items()
    }
    return json.dumps({"format": FORMAT, "n": field.n, "centre": field.centre.tolist(), "terms": terms})


def from_json(text: str) -> PolynomialField:
    """Read a field back from to_json.

    Arguments: text, JSON.
    Result: the field, equal to the last bit.
    Raises: ConfigError when the text is not JSON, or not a field.
    Source: none.
    """
    try:
        data: Any = json.loads(text)
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']!r}")
        n = int(data["n"])
        coefficients = {
            int(k): sparse.coo_array(
                (np.array(term["values"], dtype=np.float64), (term["rows"], term["columns"])),
                shape=(n, n ** int(k)),
            )
            for k, term in data["terms"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"The text is not a {FORMAT} field: {error}.", remedy="Write it with to_json."
        ) from error
    return PolynomialField(coefficients, centre=data.get("centre"))


def save(field: PolynomialField, path: str | Path) -> None:
    """Write the field to a compressed .npz archive; exact."""
    arrays: dict[str, Any] = {"format": np.array(FORMAT), "centre": field.centre}
    for k, matrix in field.coefficients.items():
        arrays |= {f"F{k}_data": matrix.data, f"F{k}_indices": matrix.indices, f"F{k}_indptr": matrix.indptr}
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(path: str | Path) -> PolynomialField:
    """Read a field back from save.

    Arguments: path of a .npz archive.
    Result: the field, equal to the last bit.
    Raises: ConfigError when the file is missing or is not a field.
    Source: none.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            if str(archive["format"]) != FORMAT:
                raise ValueError(f"format {archive['format']!s}")
            n = archive["centre"].size
            degrees = [int(name[1:-5]) for name in archive.files if name.endswith("_data")]
            coefficients = {
                k: sparse.csr_array(
                    tuple(archive[f"F{k}_{part}"] for part in ("data", "indices", "indptr")), shape=(n, n**k)
                )
                for k in degrees
            }
            return PolynomialField(coefficients, centre=archive["centre"])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ConfigError(
            f"{path} is not a {FORMAT} archive: {error}.", remedy="Write it with save."
        ) from error
