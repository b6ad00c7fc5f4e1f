"""The mutants, by family; each is killed by the check named in its row."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from qgd_core.backends.api import Outcomes
from qgd_core.circuit.ops import PostSelect
from qgd_core.conformance import mutant_engines as engines
from qgd_core.conformance.mutants import Mutant
from qgd_core.conformance.mutations import (
    bias,
    by_name,
    calls,
    drop,
    first_only,
    gates,
    keys,
    lose_one,
    move,
    plus,
    real_first,
    rename,
    reverse,
    reverse_table,
    scaled,
    select,
    swap_ends,
    turn,
    uncontrol,
    unit,
    unpair,
    wrong_adjoint,
)
from qgd_core.conformance.toy import ToyBackend

HONEST = ToyBackend.capabilities
MIDWAY = replace(HONEST, mid_circuit=True)
NO_VECTOR = replace(HONEST, statevector=False)


FLIP_CONTROL = gates(lambda g: replace(g, controls=tuple((q, 1) for q, _ in g.controls)))
ROTATIONS = ("rx", "ry", "rz", "phase", "mux_ry", "mux_rz", "gphase", "diagonal")
FULL = 2 * math.pi

MUTANTS: tuple[Mutant, ...] = (
    # Order of qubits, bits and gates.
    Mutant("qubits reversed", "one_x_in_the_vector", gate=move(lambda q, n: n - 1 - q)),
    Mutant(
        "vector reversed past two qubits",
        "one_x_in_the_vector",
        vector=lambda v: v[::-1] if v.size > 4 else v,
    ),
    Mutant("bits reversed", "one_x_in_the_bits", outcomes=keys(reverse)),
    Mutant("unwritten bits dropped", "bits_in_any_order", kind=engines.PackedBits),
    Mutant("idle qubits dropped", "idle_qubits_are_kept", kind=engines.NoIdleQubits),
    Mutant("last gate first", "gates_in_order", body=lambda b, n: b[::-1]),
    Mutant(
        "block qubits sorted",
        "targets_in_order",
        tree=calls(lambda c: replace(c, qubits=tuple(sorted(c.qubits)))),
    ),
    Mutant("amplitudes in the order of qubits", "amplitudes_over_the_bits", kind=engines.QubitOrder),
    Mutant(
        "idle qubits read one", "idle_qubits_read_zero", outcomes=keys(lambda k, n: k | 1 if n == 4 else k)
    ),
    # Gates and angles.
    Mutant("rx turns backwards", "rotation_angles", gate=turn(lambda a: -a, "rx")),
    Mutant("ry turns backwards", "rotation_angles", gate=turn(lambda a: -a, "ry")),
    Mutant("rz turns backwards", "rotation_angles", gate=turn(lambda a: -a, "rz")),
    Mutant("phase turns backwards", "rotation_angles", gate=turn(lambda a: -a, "phase")),
    Mutant("rz taken for phase", "rotation_angles", gate=rename(rz="phase")),
    Mutant("angles halved", "rotation_angles", gate=turn(lambda a: a / 2, *ROTATIONS)),
    Mutant("angles clipped", "angles_add", gate=turn(lambda a: max(-FULL, min(FULL, a)), *ROTATIONS)),
    Mutant(
        "angles wrapped at 2 pi",
        "a_full_turn_is_not_nothing",
        gate=turn(lambda a: math.fmod(a, FULL), *ROTATIONS),
    ),
    Mutant("angles rounded", "small_angles", gate=turn(lambda a: round(a, 6), *ROTATIONS)),
    Mutant("angles below 1e-3 dropped", "small_angles", gate=turn(lambda a: a * (abs(a) > 1e-3), *ROTATIONS)),
    Mutant("s and sdg exchanged", "every_gate", gate=rename(s="sdg", sdg="s")),
    Mutant("tdg is t", "every_gate", gate=rename(tdg="t")),
    Mutant("y is x", "every_gate", gate=rename(y="x")),
    Mutant("swap does nothing", "every_gate", gate=drop(lambda g, n: g.name == "swap")),
    Mutant(
        "selects reversed",
        "multiplexed_and_diagonal",
        gate=lambda g, n: replace(g, params=reverse_table(g.params)) if g.name.startswith("mux") else g,
    ),
    Mutant(
        "diagonal reversed",
        "multiplexed_and_diagonal",
        gate=lambda g, n: replace(g, params=reverse_table(g.params)) if g.name == "diagonal" else g,
    ),
    Mutant("adjoint not reversed", "adjoints", tree=calls(wrong_adjoint)),
    Mutant("adjoint ignored", "adjoints", tree=calls(lambda c: replace(c, adjoint=False))),
    Mutant("repeat ignored", "repeats", tree=calls(lambda c: replace(c, repeat=min(1, c.repeat)))),
    Mutant("repeat one short", "repeats", tree=calls(lambda c: replace(c, repeat=c.repeat - (c.repeat > 1)))),
    # Controls.
    Mutant("controls ignored", "control_on_one", gate=uncontrol(lambda g, n: 0)),
    Mutant("control and target exchanged", "control_on_one", gate=swap_ends),
    Mutant("zero taken for one", "control_on_zero", tree=FLIP_CONTROL),
    Mutant("second control ignored", "mixed_controls", gate=uncontrol(lambda g, n: 1)),
    Mutant("third control ignored", "three_and_more_controls", gate=uncontrol(lambda g, n: 2)),
    Mutant("fourth control ignored", "three_and_more_controls", gate=uncontrol(lambda g, n: 3)),
    Mutant("some pairs dropped at 4 qubits", "positions_at_4", gate=unpair(4)),
    Mutant("some pairs dropped at 6 qubits", "positions_at_6", gate=unpair(6)),
    Mutant("some pairs dropped at 11 qubits", "positions_at_11", gate=unpair(11)),
    # Phases and precision.
    Mutant(
        "global phase dropped", "global_phase", gate=drop(lambda g, n: g.name == "gphase" and not g.controls)
    ),
    Mutant("first amplitude made real", "global_phase", vector=real_first),
    Mutant("controlled phase dropped", "phase_kicks_back", gate=drop(lambda g, n: g.key == "cgphase")),
    Mutant(
        "phase lost after post-selection",
        "phase_survives_postselection",
        later=drop(lambda g, n: g.key == "gphase"),
    ),
    Mutant("single precision", "random_small", vector=lambda v: v.astype(np.complex64).astype(np.complex128)),
    Mutant("complex64 returned", "one_x_in_the_vector", vector=lambda v: v.astype(np.complex64)),
    # Size.
    Mutant("gates dropped past 64", "long_circuits", body=lambda b, n: b[:64]),
    Mutant("gates dropped past 1000", "long_circuits", body=lambda b, n: b[:1000]),
    Mutant("wrong past eight qubits", "random_wide", gate=drop(lambda g, n: n > 8 and g.name == "h")),
    Mutant("wrong past three qubits", "random_small", gate=drop(lambda g, n: n > 3 and g.name == "t")),
    Mutant("controlled calls not nested", "nested_blocks", tree=calls(lambda c: replace(c, controls=()))),
    # Shots.
    Mutant("a shot lost", "few_shots", outcomes=lose_one),
    Mutant("numpy integers", "total_and_form", outcomes=keys(lambda k, n: np.int64(k))),  # type: ignore[arg-type,return-value]
    Mutant("five per cent bias", "distribution", outcomes=bias(0.05)),
    Mutant("readout noise", "impossible_outcomes", outcomes=bias(0.002)),
    Mutant("marginal of the wrong qubit", "a_part_of_the_qubits", kind=engines.FirstQubits),
    Mutant("programs of a set in reverse", "several_at_once", together=lambda several: several[::-1]),
    Mutant("seed ignored", "seed_matters", kind=engines.SeedIgnored),
    Mutant("seed unused", "seed_repeats", kind=engines.SeedUnused),
    Mutant("state kept between runs", "no_memory_between_runs", kind=engines.StateKept),
    Mutant("shots declared, then refused", "total_and_form", kind=engines.ShotsRefused),
    # Post-selection.
    Mutant("renormalised after post-selection", "success_branch", vector=unit),
    Mutant(
        "post-selection ignored",
        "success_branch",
        tree=select(lambda p: PostSelect((), ())),
    ),
    Mutant("ancilla misplaced", "success_branch", kind=engines.AncillaMisplaced),
    Mutant(
        "always kept on zero",
        "repeated_postselection",
        tree=select(lambda p: replace(p, values=(0,) * len(p.values))),
    ),
    Mutant(
        "only the first qubit kept",
        "random_postselection",
        tree=select(first_only),
    ),
    Mutant(
        "rejected shots left out of the total",
        "accepted_shots",
        outcomes=lambda o, n: Outcomes(o.counts, o.accepted),
    ),
    Mutant("rejected shots drawn again", "accepted_shots", outcomes=scaled),
    Mutant("an error where nothing is accepted", "never_accepted", kind=engines.NothingIsAnError),
    Mutant(
        "not-a-number where nothing is left", "nothing_left", vector=lambda v: v if v.any() else v * np.nan
    ),
    Mutant("wrong alpha", "block_encoding", kind=engines.WrongAlpha),
    Mutant("wrong alpha from the second step on", "encoded_steps", kind=engines.LaterAlpha),
    Mutant("a bias in the last step", "encoded_steps_by_shots", outcomes=bias(0.03)),
    Mutant(
        "one step of every march",
        "carleman_window",
        tree=calls(lambda c: replace(c, repeat=min(1, c.repeat))),
    ),
    # The seam.
    Mutant("one block too many counted", "counts_equal_the_cores", counts=plus("cx", 3)),
    Mutant("measurements not counted", "counts_equal_the_cores", counts=engines.gates_only),
    Mutant("counts kept between compilations", "counts_add", kind=engines.CountsKept),
    Mutant("part of the circuit exported", "exported_circuits_read_back", kind=engines.ExportOfPart),
    Mutant("exported angles rounded", "exported_circuits_read_back", kind=engines.ExportRounded),
    Mutant("programs known by name", "executables_are_independent", fitted=by_name),
    Mutant("result shared with the caller", "the_input_is_left_alone", kind=engines.SharedResult),
    Mutant("any number of shots", "bad_shots_and_seeds", kind=engines.AnyShots),
    Mutant(
        "nothing declared", "declares_the_floor", capabilities=replace(HONEST, statevector=False, shots=False)
    ),
    Mutant("more qubits than declared", "too_many_qubits_are_refused", fitted=engines.any_width),
    Mutant(
        "reset ignored",
        "reset_in_mid_circuit",
        kind=engines.NoReset,
        capabilities=MIDWAY,
    ),
    Mutant("only the last measurement", "measure_and_go_on", kind=engines.NoReset, capabilities=MIDWAY),
    Mutant(
        "vector given, not declared",
        "undeclared_vector_is_refused",
        kind=engines.AnyVector,
        capabilities=NO_VECTOR,
    ),
    Mutant("runs without a branch", "a_branch_is_needed", capabilities=replace(HONEST, gates=False)),
    Mutant("reset left out, not declared", "reset_in_mid_circuit", fitted=engines.any_reset),
    Mutant(
        "bits of mid-circuit outcomes reversed",
        "reset_in_mid_circuit",
        kind=engines.MidwayReversed,
        capabilities=MIDWAY,
    ),
    Mutant(
        "post-selected, so not reset",
        "reset_after_postselection",
        kind=engines.PostselectedNotReset,
        capabilities=MIDWAY,
    ),
    Mutant(
        "first outcome of a bit kept",
        "anything_in_mid_circuit",
        kind=engines.FirstOutcome,
        capabilities=MIDWAY,
    ),
    Mutant("vector of what resets", "what_resets_has_no_vector", kind=engines.VectorOfAnything),
)
