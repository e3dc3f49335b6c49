"""Definitions that the parts of the kernel share: sizes and offsets of a network, inputs, packed batches.

Size letters
    M inputs, B blocks, S cells per block, C = B S cells, N conventional hidden units, K output units,
    U = C + (gates per block) B + N units that have net inputs, R recurrent sources, H = N + C sources of the
    outputs.

Order of cells
    Inside the kernel, cell v of block b has the index v B + b: the cells v of all blocks are adjacent, in the
    order of the gates of their blocks, so every loop over blocks runs over whole vectors.

Rows
    One row belongs to one time step of one sequence.

    Y   row y_row   activations: y_n | y_in | y_forget | y_out | y_c          columns y_n, y_in, ...
    D   row d_row   net inputs, then deltas: out | c | in | forget | n        columns u_out, u_c, ...
    G, S, HS  row Cp   g(net_c), internal states s_c, h(s_c); cell v of block b is in column v Bp + b

    Bp, Up, Rp, Kp, Hp, Pp are B, U, R, K, H, n_partials rounded up to whole vectors, Cp = S Bp. A vector of
    blocks may reach beyond the B blocks into the columns behind. Numbers that it loads there are not used.
    Numbers that it stores there are overwritten by the correct ones (rows of Y and D are written from the
    last vector of blocks to the first, and in the order of their columns), or are in the spare vector at the
    end of each row and of each array.
"""

from libc.stdint cimport int32_t, int64_t

from sklstm._kernel.simd cimport real


cdef enum:
    MOST_KINDS = 8


# shift + scale / (1 + 2^(slope x)); y' = gain (y - low) (high - y) + one
cdef struct Squashing:
    bint identity
    real slope, scale, shift, gain, low, high, one


cdef struct Shape:
    Py_ssize_t M, B, S, C, N, K, U, R, H
    Py_ssize_t Bp, Cp, Up, Rp, Kp, Hp, Pp, y_row, d_row
    Py_ssize_t B_vectors, N_vectors                                 # of blocks, of hidden units
    Py_ssize_t y_n, y_in, y_forget, y_out, y_c, recurrent           # columns of Y
    Py_ssize_t u_out, u_c, u_in, u_forget, u_n                      # columns of D, and of W
    Py_ssize_t p_in, p_forget                                       # columns of the partials
    # offsets in the packed vector of weights
    Py_ssize_t w_recurrent, w_bias, w_peep_in, w_peep_forget, w_peep_out
    Py_ssize_t v_hidden, v_bias, w_input, v_input, n_packed
    bint has_in, has_forget, has_out, peepholes, shortcut, every_step
    bint cell_bias, gate_bias, output_bias
    bint gates_only                     # only gates have recurrent inputs
    bint is_layer                       # no output units: the outputs are y_c and y_n, K = H of them
    int kinds                           # of units: out, c of each cell of a block, in, forget, n; columns k B
    bint in_registers                   # one vector holds each kind
    int output
    Squashing g, h


# of a set of sequences, or of a packed batch: dense rows, or rows of a CSR matrix
cdef struct Inputs:
    bint sparse
    const real* x                       # dense: (rows, M)
    const real* values                  # sparse
    const int32_t* columns
    const int32_t* indptr
    const int64_t* step                 # rows of the CSR matrix


cdef struct Arrays:                     # of a packed batch; a Workspace owns them
    int64_t* first                      # (T + 2,) first row of each time
    int64_t* step                       # (rows,) step of each row that is not of time 0
    int64_t* target_row                 # (targets,) rows that have a target
    int64_t* target                     # (targets,) index of this target
    real* XG                            # (rows, M) dense inputs, if they are gathered
    real* D
    real* Y
    real* G
    real* S
    real* HS
    real* HR                            # (targets, Hp) y_n and y_c of the rows with targets
    real* O                             # (targets, Kp) net inputs of the output units
    real* A                             # (targets, Kp) activations of the output units
    real* OD                            # (targets, Kp) deltas of the output units
    real* EH                            # (targets, Hp) errors at y_n and y_c from the output units
    real* E                             # (2 sequences, y_row) errors at activations from the next time step
    real* ES                            # (sequences, Cp) errors at states
    real* zeros                         # (Rp,)
    real* wt                            # (U, Rp) and (K, Hp) transposed weights for the backward pass
    real* P                             # (R + 1 + M, Pp) partials ds/dw
    real* PP                            # (2 S, Cp) partials by peepholes
    real* decay                         # (Pp,)
    real* gain                          # (Pp,)
    real* e                             # (Pp,)
    int32_t* touched                    # inputs that were not zero; below, whether each input is among them
    int32_t* is_touched
    int64_t* n_touched


cdef struct Targets:                    # of all sequences, and the loss
    int loss
    const real* y                       # (targets, K)
    const double* weight                # (targets,), or (targets, K) if each output has its own weight
    Py_ssize_t weight_row
    bint each_output


cdef struct Packed:                     # a packed batch: interleaved sequences, the longest first
    Py_ssize_t sequences, T, rows, targets   # rows: including those of time 0
    Inputs inputs
    Arrays at
