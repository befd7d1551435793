package report

import "github.com/zeropool-go/zeropool/internal/svg"

// pictureStyle holds the classes, hatches and dots of the picture. The colours
// of workers, isolated CPUs and the rest differ in lightness as well as in hue,
// and each state has a word, a hatch or a dash of its own, so that colour is
// never the only sign.
const pictureStyle = `<style>
.zp text{font-family:` + svg.Font + `;fill:` + svg.Ink + `;font-size:12px}
.zp .zt1{font-size:20px;font-weight:600}
.zp .zth{font-weight:600}
.zp .zts{font-size:10px;font-weight:400}
.zp .zm{fill:` + svg.Muted + `}
.zp .ze{text-anchor:end}
.zp .zc1,.zp .zr,.zp .zu{text-anchor:middle}
.zp .zr{font-weight:600}
.zp .zu{font-size:10px}
.zbg{fill:` + svg.Paper + `}
.zb-drawer,.zb-book,.zb-package{fill:#f3f5f8;stroke:#8c96a3}
.zb-node{fill:#e9f0f7;stroke:#8fa6bf}
.zb-die{fill:#f4eef8;stroke:#ab98bd}
.zb-l3{fill:#fbf6e6;stroke:#c9b67c}
.zb-cluster{fill:#eef6ee;stroke:#9bb79b}
.zb-l2{fill:#f6f3ee;stroke:#b8ab96}
.zb-core,.zc{fill:#ffffff;stroke:#c4ccd5}
.zk{fill:` + svg.Panel + `;stroke:` + svg.Rule + `}
.zmore{fill:none;stroke:#8c96a3;stroke-dasharray:5 4}
.zw{fill:` + svg.Blue + `;stroke:#084a8c}
.zp .zwt{fill:#ffffff}
.zs{fill:#d8e8f8;stroke:#0b5cad;stroke-dasharray:3 2}
.zds{stroke-dasharray:none;stroke:#7aa7d8}
.zp .zst{fill:#0a3f78}
.zf{fill:#ffffff;stroke:#59636e}
.zi{fill:#f6b26b;stroke:` + svg.Warn + `}
.zp .zit{fill:#4a2800}
.zn{fill:url(#zh-no);stroke:#8c96a3}
.zo{fill:url(#zh-off);stroke:#8c96a3;stroke-dasharray:2 2}
.znp,.zop,.zip{stroke:none}
.znp,.zop{fill:#ffffff;fill-opacity:.82}
.zip{fill:none}
.zp .znt,.zp .zot{fill:#59636e}
.zl{stroke:#9aa4af;stroke-width:1.5}
.zh0{fill:url(#zh-no)}
.zh1{fill:#eff5fb}.zh2{fill:#d3e4f5}.zh3{fill:#abcdec}.zh4{fill:#7db0dd}.zh5{fill:#4f8fcb}
@media (prefers-color-scheme:dark){
.zp text{fill:` + svg.InkDark + `}
.zp .zm{fill:` + svg.MutedDark + `}
.zbg{fill:` + svg.PaperDark + `}
.zb-drawer,.zb-book,.zb-package{fill:#161b22;stroke:#57616c}
.zb-node{fill:#17202c;stroke:#4a627e}
.zb-die{fill:#201a28;stroke:#6b5a80}
.zb-l3{fill:#241f12;stroke:#7d6c34}
.zb-cluster{fill:#16211a;stroke:#4f6f56}
.zb-l2{fill:#211d17;stroke:#6d6250}
.zb-core,.zc{fill:#0d1117;stroke:#3d444d}
.zk{fill:` + svg.PanelDark + `;stroke:` + svg.RuleDark + `}
.zds{stroke-dasharray:none;stroke:#7aa7d8}
.zmore{stroke:#6e7983}
.zw{fill:` + svg.BlueDark + `;stroke:#8cc2ff}
.zp .zwt{fill:#04172e}
.zs{fill:#12304f;stroke:#58a6ff}
.zds{stroke:#3d6ea8}
.zp .zst{fill:#b6d9ff}
.zf{fill:#0d1117;stroke:#9aa6b2}
.zi{fill:#b9721a;stroke:` + svg.WarnDark + `}
.zp .zit{fill:#fff3e0}
.zn,.zo{stroke:#57616c}
.znp,.zop{fill:#0d1117}
.zp .znt,.zp .zot{fill:#9aa6b2}
.zl{stroke:#57616c}
.zh1{fill:#12202f}.zh2{fill:#17314d}.zh3{fill:#1d446d}.zh4{fill:#245a92}.zh5{fill:#2d72b8}
}
</style>
<defs>
<pattern id="zh-no" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="zl" d="M1 0V6"/></pattern>
<pattern id="zh-off" width="7" height="7" patternUnits="userSpaceOnUse"><path class="zl" d="M0 0L7 7M7 0L0 7"/></pattern>
<rect id="zd-zw" class="zw" width="8" height="8" rx="2"/>
<rect id="zd-zs" class="zs zds" x=".5" y=".5" width="7" height="7" rx="2"/>
<rect id="zd-zf" class="zf" x=".5" y=".5" width="7" height="7" rx="2"/>
<g id="zd-zi"><rect class="zi" x=".5" y=".5" width="7" height="7" rx="3.5"/></g>
<g id="zd-zn"><path class="zl" d="M1 7L7 1"/></g>
<g id="zd-zo"><path class="zl" d="M1 1L7 7M7 1L1 7"/></g>
</defs>
`
