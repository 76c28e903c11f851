#!/bin/sh
# Starts `dgx-pixels stdio` of the package that is installed on this machine; the bundle itself has no Python and no model.
# $1: the option "Program". A client hands an option that nobody has set over as nothing, or as its name in the manifest.
is_unset() { case $1 in '' | '${user_config.'*) true ;; *) false ;; esac; }

if is_unset "$DGX_PIXELS_PROJECT"; then unset DGX_PIXELS_PROJECT; fi
if is_unset "$DGX_PIXELS_HOME"; then unset DGX_PIXELS_HOME; fi

program=$1
if is_unset "$program"; then  # a desktop program's PATH often lacks the folder where uv and pipx put what they install
    program=$(command -v dgx-pixels || echo "$HOME/.local/bin/dgx-pixels")
fi
if [ ! -x "$program" ] || [ -d "$program" ]; then
    echo "There is no program at $program: install DGX-Pixels (uv tool install dgx-pixels), or set this extension's option Program." >&2
    exit 127
fi
exec "$program" stdio
