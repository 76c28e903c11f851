//! Tells DGX-Pixels, and any other client of the Bevy Remote Protocol, which images this game shows right now.
//!
//! Copy this one file into your game. It needs nothing but `bevy` (with the features `bevy_remote`, `file_watcher` and
//! `png`) and `serde_json`:
//!
//! ```ignore
//! mod dgx_pixels_reload;
//!
//! App::new()
//!     .add_plugins(DefaultPlugins.set(ImagePlugin::default_nearest()))
//!     .add_plugins(dgx_pixels_reload::DgxPixelsReloadPlugin) // after DefaultPlugins and your own remote plugins
//!     .run();
//! ```
//!
//! The method `dgx_pixels/reload_stats` (no parameters) then answers with [`ReloadStats`] as JSON; the stock method
//! `world.get_resources` reads the same as the resource `dgx_pixels::ReloadStats`. A tool that has just written a PNG
//! asks until the image's CRC-32 is that of its own pixels: then the running game has it.

use std::collections::BTreeMap;
use std::path::MAIN_SEPARATOR_STR;
use std::{env, process};

use bevy::asset::io::file::FileAssetReader;
use bevy::asset::{AssetLoadFailedEvent, AssetPath};
use bevy::diagnostic::FrameCount;
use bevy::prelude::*;
use bevy::remote::http::{DEFAULT_PORT, RemoteHttpPlugin};
use bevy::remote::{BrpResult, RemoteMethodSystemId, RemoteMethods, RemotePlugin};
use bevy::render::render_resource::TextureFormat;
use serde_json::{Value, json};

/// The remote method that answers with the stats.
pub const METHOD: &str = "dgx_pixels/reload_stats";

/// Counts how often each image file was loaded, and answers who asks.
///
/// Adds [`RemotePlugin`] and [`RemoteHttpPlugin`] if the app has none so far. It then listens on 127.0.0.1, port
/// 15702, or the one in the environment variable `BRP_EXTRAS_PORT`, which is also what `bevy_brp_extras` reads.
pub struct DgxPixelsReloadPlugin;

impl Plugin for DgxPixelsReloadPlugin {
    fn build(&self, app: &mut App) {
        if !app.is_plugin_added::<RemotePlugin>() {
            app.add_plugins(RemotePlugin::default());
        }
        if !app.is_plugin_added::<RemoteHttpPlugin>() {
            app.add_plugins(RemoteHttpPlugin::default().with_port(port()));
        }
        app.insert_resource(ReloadStats::new(assets_root(app)))
            .register_type::<ReloadStats>()
            // `Last` comes after asset events are sent and before remote requests are answered, and before an image
            // that only the GPU needs leaves the main world. So no answer is a frame late.
            .add_systems(Last, count);
        let answer = app.world_mut().register_system(answer);
        let mut methods = app.world_mut().resource_mut::<RemoteMethods>();
        methods.insert(METHOD, RemoteMethodSystemId::Instant(answer));
    }
}

/// What was loaded so far. All numbers fit in JSON's without loss.
#[derive(Resource, Reflect, Debug)]
#[reflect(Resource)]
#[type_path = "dgx_pixels"] // the same name in every game, wherever this file lies
pub struct ReloadStats {
    /// The version of these fields' meaning.
    pub protocol: u32,
    /// Tells this run of the game from an older one that still holds the port.
    pub pid: u32,
    /// What the environment variable `DGX_PIXELS_NONCE` held at the start: whoever starts the game knows it again.
    pub nonce: String,
    /// The absolute path of the folder that assets are loaded from: tells this game from another one.
    pub assets_root: String,
    /// The number of the newest frame.
    pub frame: u32,
    /// By path relative to the assets folder, with `/` between folders.
    pub images: BTreeMap<String, ImageStats>,
}

/// What was loaded from one image file that the game holds a handle to.
#[derive(Reflect, Debug, Default, Clone, PartialEq)]
#[type_path = "dgx_pixels"]
pub struct ImageStats {
    /// How often the image came where none was.
    pub added: u32,
    /// How often it took the place of an older one: a hot reload.
    pub modified: u32,
    /// How often the file could not be read as an image. The game keeps showing the older one.
    pub failed: u32,
    /// Pixels across, of one layer.
    pub width: u32,
    /// Pixels down, of one layer.
    pub height: u32,
    /// 1, or the number of layers of an array texture, which Bevy can cut a tileset into.
    pub layers: u32,
    /// CRC-32 (as in zlib) of the pixels, 8 hexadecimal digits: RGBA, a byte each, row by row from the top, layer by
    /// layer. Empty if the pixels are in another format, are not in memory, or are more than [`MOST_HASHED`] bytes.
    pub crc32: String,
    /// The frame in which this entry changed last.
    pub frame: u32,
}

/// Larger images are counted but not hashed, for a frame should stay short: 4 MiB take a debug build some 50 ms.
pub const MOST_HASHED: usize = 4 << 20;

impl ReloadStats {
    fn new(assets_root: String) -> Self {
        Self {
            protocol: 1,
            pid: process::id(),
            nonce: env::var("DGX_PIXELS_NONCE").unwrap_or_default(),
            assets_root,
            frame: 0,
            images: BTreeMap::new(),
        }
    }

    fn to_json(&self) -> Value {
        let image = |image: &ImageStats| {
            json!({
                "added": image.added, "modified": image.modified, "failed": image.failed,
                "width": image.width, "height": image.height, "layers": image.layers,
                "crc32": image.crc32, "frame": image.frame,
            })
        };
        let images = self.images.iter().map(|(path, stats)| (path.clone(), image(stats)));
        json!({
            "protocol": self.protocol, "pid": self.pid, "nonce": self.nonce, "assets_root": self.assets_root,
            "frame": self.frame, "images": Value::Object(images.collect()),
        })
    }
}

fn answer(_params: In<Option<Value>>, stats: Res<ReloadStats>) -> BrpResult {
    Ok(stats.to_json())
}

fn count(
    mut events: MessageReader<AssetEvent<Image>>,
    mut failures: MessageReader<AssetLoadFailedEvent<Image>>,
    server: Res<AssetServer>,
    images: Res<Assets<Image>>,
    frame: Res<FrameCount>,
    mut stats: ResMut<ReloadStats>,
) {
    stats.frame = frame.0;
    for event in events.read() {
        let (AssetEvent::Added { id } | AssetEvent::Modified { id }) = *event else {
            if let AssetEvent::Removed { .. } = event {
                // The last handle is gone, and with it the path. What the game does not hold, it does not show.
                stats
                    .images
                    .retain(|path, _| server.get_handle::<Image>(path).is_some());
            }
            continue;
        };
        // Images that were made in code, such as a render target, have no path.
        let Some(path) = server.get_path(id).as_ref().and_then(file_of) else {
            continue;
        };
        let entry = stats.images.entry(path).or_default();
        entry.frame = frame.0;
        match event {
            AssetEvent::Added { .. } => entry.added += 1,
            _ => entry.modified += 1,
        }
        // Gone already if it was replaced and dropped within one frame.
        if let Some(image) = images.get(id) {
            entry.width = image.width();
            entry.height = image.height();
            entry.layers = image.texture_descriptor.size.depth_or_array_layers;
            entry.crc32 = crc32_of(image).map_or_else(String::new, |crc| format!("{crc:08x}"));
        }
    }
    for failure in failures.read() {
        if let Some(path) = file_of(&failure.path) {
            let entry = stats.images.entry(path).or_default();
            entry.failed += 1;
            entry.frame = frame.0;
        }
    }
}

/// The path of a file in the assets folder; none for a part of a file (`model.gltf#Texture0`) or for another source.
fn file_of(path: &AssetPath) -> Option<String> {
    let plain = path.label().is_none() && path.source().as_str().is_none();
    plain.then(|| path.path().to_string_lossy().replace(MAIN_SEPARATOR_STR, "/"))
}

fn crc32_of(image: &Image) -> Option<u32> {
    let rgba8 = matches!(
        image.texture_descriptor.format,
        TextureFormat::Rgba8UnormSrgb | TextureFormat::Rgba8Unorm
    );
    let pixels = image.data.as_ref()?;
    (rgba8 && pixels.len() <= MOST_HASHED).then(|| crc32(pixels))
}

/// CRC-32 as in zlib, PNG and Ethernet (ISO-HDLC: reflected polynomial 0xEDB88320), a byte at a time.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0, |crc, byte| CRC_OF_BYTE[(crc as u8 ^ byte) as usize] ^ (crc >> 8))
}

static CRC_OF_BYTE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 * 8 {
        let crc = if i % 8 == 0 { i as u32 / 8 } else { table[i / 8] };
        table[i / 8] = if crc & 1 == 1 {
            0xEDB8_8320 ^ (crc >> 1)
        } else {
            crc >> 1
        };
        i += 1;
    }
    table
};

fn port() -> u16 {
    let asked = env::var("BRP_EXTRAS_PORT").ok();
    asked.and_then(|port| port.parse().ok()).unwrap_or(DEFAULT_PORT)
}

/// The folder that [`AssetPlugin`] reads from, without symbolic links; as it is given if there is no such folder.
fn assets_root(app: &App) -> String {
    let plugins = app.get_added_plugins::<AssetPlugin>();
    let folder = plugins.first().map_or("assets", |plugin| plugin.file_path.as_str());
    let root = FileAssetReader::new(folder).root_path().clone();
    root.canonicalize().unwrap_or(root).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_is_that_of_zlib() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926); // the check value of the CRC catalogue
    }
}
