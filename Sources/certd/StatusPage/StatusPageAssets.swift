import Bytes
import PKI

/// What the page looks like and how it goes on by itself; both stand in it, and nothing is fetched from elsewhere.
enum StatusPageAssets {
  /// What the browser may do with the page: take this style and this script, and ask certd again.
  static let policy: String = {
    let sources = [("style-src", style), ("script-src", script)].compactMap { name, text in
      (try? Digest.sha256(Array(text.utf8))).map { "\(name) 'sha256-\(Base64.encode($0))'" }
    }
    return
      (["default-src 'none'", "img-src data:", "connect-src 'self'"] + sources + [
        "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
      ]).joined(separator: "; ")
  }()

  /// Puts parts in their places as they come. A part that somebody is in with the keyboard stays until they leave it.
  static let script = """
    (()=>{const live=document.getElementById('live');const feed=new EventSource('events');
    feed.onmessage=e=>{const parts=JSON.parse(e.data);for(const id in parts){const at=document.getElementById(id);
    if(at&&!(at.contains(document.activeElement)))at.innerHTML=parts[id]}
    live.textContent='Live, last heard of at '+new Date().toLocaleTimeString()+'.';live.className=''};
    feed.onerror=()=>{live.textContent='certd does not answer; what is shown is old.';live.className='bad'}})()
    """

  static let style = """
    :root{--page:#f4f6f9;--card:#fff;--line:#d9dfe8;--text:#18202b;--soft:#55606f;--accent:#1a5fb4;--good:#12683a;\
    --odd:#7a4d00;--bad:#b01f1f;--good-back:#def3e6;--odd-back:#fdedc8;--bad-back:#fde1df;--area:#1a5fb422}
    @media (prefers-color-scheme:dark){:root{--page:#0e1218;--card:#171d26;--line:#2b3442;--text:#e8edf4;\
    --soft:#a3afbf;--accent:#82b4ff;--good:#6fdc9a;--odd:#f5c261;--bad:#ff958c;--good-back:#12301f;--odd-back:#382a0d;\
    --bad-back:#401b1a;--area:#82b4ff26}}
    *{box-sizing:border-box}
    html{font:clamp(14px,.55vw + 9px,24px)/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;\
    background:var(--page);color:var(--text)}
    body{margin:0 auto;padding:clamp(12px,2vw,48px);max-width:2800px}
    h1{font-size:1.9rem;line-height:1.15;margin:0;letter-spacing:-.02em}
    h2{font-size:1.05rem;margin:0 0 .6rem}
    h3{font-size:.9rem;margin:0;color:var(--soft);font-weight:600}
    p{margin:.4rem 0 0}
    .hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
    .brand{display:flex;align-items:center;gap:.8rem}
    .mark{flex:none;width:1.5rem;height:1.5rem;border-radius:50%;border:.4rem solid var(--good-back);background:var(--good)}
    .mark.bad{border-color:var(--bad-back);background:var(--bad)}
    .facts,.note,.none{color:var(--soft)}
    .troubles{margin:.8rem 0 0;padding:.7rem 1rem .7rem 2rem;border-radius:.7rem;background:var(--bad-back);color:var(--text);\
    overflow-wrap:anywhere}
    .card{background:var(--card);border:1px solid var(--line);border-radius:.9rem;padding:1rem;min-width:0}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1rem;margin-top:1.2rem}
    .tile .value{font-size:2rem;line-height:1.2;font-weight:650;margin:.1rem 0 .4rem;letter-spacing:-.02em;\
    font-variant-numeric:tabular-nums}
    .tile svg{display:block;width:100%;height:3.6rem}
    .tile .note{display:flex;justify-content:space-between;gap:1rem;font-size:.85rem}
    .line{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round;vector-effect:non-scaling-stroke}
    .area{fill:var(--area)}
    .cards{column-gap:1rem;margin-top:1rem}
    .cards .card{break-inside:avoid;margin-bottom:1rem}
    .scroll{overflow:auto;max-height:34rem;border-radius:.4rem}
    .scroll:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
    table{border-collapse:collapse;width:100%}
    th,td{text-align:left;vertical-align:top;padding:.5rem .8rem .5rem 0;border-top:1px solid var(--line);font-weight:400}
    thead th{position:sticky;top:0;background:var(--card);border-top:0;color:var(--soft);font-size:.85rem;font-weight:600}
    tbody th[scope=row]{overflow-wrap:break-word;font-weight:550}
    .group th{padding-top:1rem;font-weight:700}
    .number{font-variant-numeric:tabular-nums}
    .note,.why{display:block;font-size:.85rem;font-weight:400;overflow-wrap:anywhere}
    .group .note{display:inline}
    .badge{display:inline-block;padding:.05rem .55rem;border-radius:1rem;font-size:.85rem;font-weight:600;white-space:nowrap}
    .badge.good{color:var(--good);background:var(--good-back)}
    .badge.odd{color:var(--odd);background:var(--odd-back)}
    .badge.bad{color:var(--bad);background:var(--bad-back)}
    .life{display:block;width:100%;min-width:5rem;max-width:14rem;height:.35rem;margin-top:.3rem;border-radius:.2rem}
    .rest{fill:var(--line)}.used{fill:var(--accent)}
    .events{list-style:none;margin:0;padding:0}
    .events li{padding:.45rem 0;border-top:1px solid var(--line);overflow-wrap:anywhere}
    .events li:first-child{border-top:0}
    .events time{color:var(--soft);font-variant-numeric:tabular-nums}
    footer{margin-top:1.2rem;color:var(--soft);font-size:.85rem}
    footer .bad{color:var(--bad)}
    @media (max-width:640px){.wide{display:none}.tiles{grid-template-columns:repeat(2,minmax(0,1fr));gap:.7rem}\
    .tile{padding:.8rem}.tile .value{font-size:1.5rem}.tile .note{display:block}.tile .note span{display:block}}
    @media (min-width:1000px){.cards{columns:2}}
    @media (min-width:2200px){.cards{columns:3}}
    @media (prefers-reduced-motion:no-preference){.mark.bad{animation:beat 2s ease-in-out infinite}}
    @keyframes beat{50%{opacity:.55}}
    """
}
