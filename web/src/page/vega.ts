/** The script that brings vega-embed: loaded with the first figure of a page. */
import embed from "vega-embed";

Object.assign(window, { vegaEmbed: embed });
