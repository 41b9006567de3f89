"""What pages share: the router, the frame around a page, links, controls, tiles, resources.

The only package of `core` that imports Streamlit. Start with `router`, `page_errors`, `plain`,
`draw_tile`, `lead_on`, `to_search`, `get_store` and `get_catalogue`.

    print(plain("<b>lime</b> *fresh*"))  # core.ui.text
    print(to_search([5, 7], metric=Metric.L2, k=16).parameters)  # core.ui.links
    print(framed(go.Figure(), height=300).layout.height)  # core.ui.charts
"""
