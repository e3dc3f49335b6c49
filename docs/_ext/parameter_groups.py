"""Parameters of the estimators in groups instead of one list of forty."""

import re

GROUPS = {
    "Architecture": """n_blocks block_size n_hidden_units input_gate output_gate forget_gate peepholes
        recurrence shortcut cell_bias gate_bias output_bias cell_input_activation cell_output_activation
        output_activation""",
    "Data and targets": "return_sequences n_channels class_weight",
    "Layers": "n_patches n_layers bidirectional pooling dropout",
    "Loss and gradient": "loss quantile epsilon label_smoothing gradient alpha clip",
    "Solver": "solver learning_rate momentum update batch_size shuffle",
    "Kalman filter": "measurement_noise process_noise initial_covariance",
    "Initial weights": "init_range input_gate_bias forget_gate_bias output_gate_bias",
    "Stopping": "max_iter tol n_iter_no_change average early_stopping validation_fraction scoring",
    "Running": "random_state warm_start verbose n_jobs",
}
ESTIMATORS = ("sklstm.LSTMClassifier", "sklstm.LSTMRegressor")
ENTRY = re.compile(r"    \*\*(.+?)\*\*")


def entries_of(lines):
    """Text of each parameter: {names: lines}."""
    entries, current = {}, None
    for line in lines:
        if match := ENTRY.match(line):
            current = entries.setdefault(match[1], [])
        if current is not None:
            current.append(line)
    return entries


def grouped(entries):
    """Lines of the groups; each parameter stands in one."""
    lines, left = [], dict(entries)
    for title, names in GROUPS.items():
        wanted = set(names.split())
        mine = [given for given in left if wanted & set(given.split(", "))]
        if mine:
            lines += [f":{title}:", "", *(line for given in mine for line in left.pop(given)), ""]
    if left:
        raise ValueError(f"docs/_ext/parameter_groups.py has no group for {sorted(left)}.")
    return lines


def group(app, what, name, obj, options, lines):
    """Replace the list of parameters that numpydoc has made."""
    if name not in ESTIMATORS or ":Parameters:" not in lines:
        return
    start = lines.index(":Parameters:")
    end = next(i for i in range(start + 1, len(lines)) if re.match(r"\S", lines[i]))
    lines[start:end] = grouped(entries_of(lines[start + 1 : end]))


def setup(app):
    """After numpydoc, whose priority is 500."""
    app.connect("autodoc-process-docstring", group, priority=600)
    return {"parallel_read_safe": True}
