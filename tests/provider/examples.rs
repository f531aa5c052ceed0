//! Rules of the sheets that lean on what is missing: each capture leaves something out.
