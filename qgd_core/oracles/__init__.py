"""Classical data as circuits: tables, and the positions and values of a sparse matrix."""
