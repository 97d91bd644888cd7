//! Rule files: loading, diagnostics, evaluation.
