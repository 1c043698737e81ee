"""Statistics to figures and tables."""


rule draw_experiment:
    input:
        sets=statistics("sets"),
        pairs=statistics("pairs"),
        trend=statistics("trend"),
        code=sources("draw_experiment.py"),
    output:
        png=report(
            "<results>/figures/{experiment}.png",
            caption="../report/distances.rst",
            category="Experiments",
            subcategory="{experiment}",
            labels={"result": "figure"},
        ),
        pdf="<results>/figures/{experiment}.pdf",
        html=report(
            "<results>/tables/{experiment}.html",
            caption="../report/table.rst",
            category="Experiments",
            subcategory="{experiment}",
            labels={"result": "table"},
        ),
        csv="<results>/tables/{experiment}.csv",
        md="<results>/tables/{experiment}.md",
        tex="<results>/tables/{experiment}.tex",
    log:
        "<logs>/draw_experiment/{experiment}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem="2GB",
        runtime="10m",
    params:
        title=of_experiment("title"),
        section=of_experiment("section"),
        axis=of_experiment("axis"),
        datasets=of_experiment("datasets"),
    script:
        "../scripts/draw_experiment.py"
