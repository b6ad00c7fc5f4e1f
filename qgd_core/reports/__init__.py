"""Run folders: tables, figures and one self-contained page."""
