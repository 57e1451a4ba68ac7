# SPDX-License-Identifier: GPL-2.0-only
"""A plot of net costs: two bars for each job, drawn as SVG."""

from xml.sax.saxutils import escape

_WIDTH, _LEFT, _RIGHT = 760, 260, 90
_TOP, _BAR, _GAP = 60, 18, 16
_OURS, _VDO = "#1f5fa8", "#b8501f"


def net_costs(rows):
    """The plot of a list of {job, net_cost_ours_ns, net_cost_vdo_ns}."""
    most = max(max(row["net_cost_ours_ns"], row["net_cost_vdo_ns"]) for row in rows)
    height = _TOP + len(rows) * (2 * _BAR + _GAP) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        '<text x="10" y="22" font-size="15">Processor time of a block of 4 KiB over dm-linear\'s</text>',
        f'<text x="10" y="44" fill="{_OURS}">spare, mode dedup</text>',
        f'<text x="150" y="44" fill="{_VDO}">dm-vdo</text>',
    ]
    y = _TOP
    for row in rows:
        parts.append(
            f'<text x="{_LEFT - 10}" y="{y + _BAR + 5}" text-anchor="end">{escape(row["job"])}</text>'
        )
        for name, colour in (("net_cost_ours_ns", _OURS), ("net_cost_vdo_ns", _VDO)):
            value = row[name]
            length = max(value, 0) / most * (_WIDTH - _LEFT - _RIGHT) if most > 0 else 0
            parts.append(f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR - 2}" fill="{colour}"/>')
            parts.append(f'<text x="{_LEFT + length + 6:.1f}" y="{y + _BAR - 5}">{value / 1000:.2f} µs</text>')
            y += _BAR
        y += _GAP
    return "\n".join([*parts, "</svg>", ""])
