"use strict";
// Draws the charts of the page, and updates their colours when the colour scheme changes.
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const places = document.querySelectorAll(".chart");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // The colours of texts and grids come from the style sheet; the layout of a chart contains none.
  function template() {
    const style = getComputedStyle(document.documentElement);
    const [ink, quiet, line, card] = ["--ink", "--quiet", "--line", "--card"].map((name) => style.getPropertyValue(name).trim());
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickfont: { color: quiet }, title: { font: { color: quiet, size: 13 } } };
    return {
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: ink, size: 13, family: getComputedStyle(document.body).fontFamily },
        xaxis: axis,
        yaxis: axis,
        hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink } },
      },
    };
  }

  const options = { responsive: true, displayModeBar: false };
  charts.forEach((chart, number) => {
    try {
      Plotly.newPlot(places[number], chart.traces, { ...chart.layout, template: template() }, options);
    } catch (error) {
      console.error(error); // the other charts are still drawn
    }
  });
  dark.addEventListener("change", () => {
    const colours = template();
    places.forEach((place) => Plotly.relayout(place, { template: colours }));
  });
})();
